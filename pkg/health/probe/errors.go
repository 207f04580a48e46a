package probe

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
	"unicode"
)

var (
	errNoAddress = errors.New("no address to probe")
	errNoTime    = errors.New("no time was left to begin")
)

// ownFault reports whether err says something about this machine and nothing
// about the target.
//
// "Unreachable" is told by our own routing table as well as, in an ICMP
// message, by a router in front of the target or by the target's firewall
// (admin-prohibited is EHOSTUNREACH for IPv4 and EACCES for IPv6). The error
// number does not tell them apart, so hasRoute is asked.
func ownFault(err error, addr netip.Addr, hasRoute func(netip.Addr) bool) bool {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return false
	}
	switch no {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EAGAIN, // descriptors, buffers, ports
		syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, // no local address or port left
		syscall.EAFNOSUPPORT, syscall.EPROTONOSUPPORT, // no such family here
		syscall.ENETDOWN, syscall.ENODEV, syscall.EINVAL, // no such interface or zone
		syscall.EPERM: // local packet filter
		return true
	case syscall.EACCES:
		return addr.Is4() || !hasRoute(addr)
	case syscall.ENETUNREACH, syscall.EHOSTUNREACH:
		return !hasRoute(addr)
	}
	return false
}

// hasRoute reports whether this machine's routing table has a way to addr.
// Connecting a UDP socket asks the table and sends nothing.
func hasRoute(addr netip.Addr) bool {
	const discard = 9 // any port will do
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, discard)))
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// describe returns err in a few words that a person who is woken by it
// understands.
func describe(err error, at stage) string {
	var no syscall.Errno
	switch {
	case errors.As(err, &no):
		return describeErrno(no, at)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed while " + string(at)
	}
	if text := describeTLS(err, time.Now()); text != "" {
		return text
	}
	return err.Error()
}

func describeErrno(no syscall.Errno, at stage) string {
	switch no {
	case syscall.ECONNREFUSED:
		return "connection refused"
	case syscall.ECONNRESET, syscall.EPIPE:
		return "connection reset while " + string(at)
	case syscall.EHOSTUNREACH:
		return "host unreachable"
	case syscall.ENETUNREACH:
		return "network unreachable"
	}
	return no.Error()
}

// describeTLS returns what is wrong with a handshake, or "" if err is not of
// TLS.
func describeTLS(err error, now time.Time) string {
	var (
		invalid x509.CertificateInvalidError
		name    x509.HostnameError
		issuer  x509.UnknownAuthorityError
		record  tls.RecordHeaderError
		remote  *net.OpError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return describeValidity(invalid.Cert, now)
	case errors.As(err, &name) && name.Certificate != nil:
		return fmt.Sprintf("certificate is for %s, not %s", certificateNames(name.Certificate), name.Host)
	case errors.As(err, &issuer):
		return "certificate signed by unknown authority"
	case errors.As(err, &record):
		return describeRecord(record)
	case errors.As(err, &remote) && remote.Op == "remote error": // as crypto/tls marks an alert
		return "TLS alert from the server: " + strings.TrimPrefix(remote.Err.Error(), "tls: ")
	}
	return ""
}

func describeValidity(c *x509.Certificate, now time.Time) string {
	if now.Before(c.NotBefore) {
		return "certificate not valid before " + c.NotBefore.UTC().Format(time.DateTime)
	}
	return "certificate expired " + c.NotAfter.UTC().Format(time.DateOnly)
}

// certificateNames lists a few of the names that a certificate is good for.
func certificateNames(c *x509.Certificate) string {
	const most = 3
	names := c.DNSNames
	for _, ip := range c.IPAddresses {
		names = append(names[:len(names):len(names)], ip.String())
	}
	switch {
	case len(names) == 0:
		return "no name"
	case len(names) > most:
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

func describeRecord(e tls.RecordHeaderError) string {
	if string(e.RecordHeader[:]) == "HTTP/" {
		return "the server speaks plain HTTP, not TLS"
	}
	return "the server does not speak TLS"
}

// longest is the greatest length in bytes of an error text; targets have a say
// in some of them.
const longest = 200

// oneLine makes s fit for a log line or a status page: printable, one line,
// and not longer than a target should be able to make it.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) <= longest {
		return s
	}
	const ellipsis = "…"
	return strings.ToValidUTF8(s[:longest-len(ellipsis)], "") + ellipsis
}
