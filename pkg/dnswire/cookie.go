package dnswire

import (
	"encoding/binary"
	"net/netip"
)

// A server cookie of version 1 (RFC 9018, Section 4):
//
//	 0         1             4              8      16
//	+---------+-------------+--------------+------+
//	| version | reserved, 0 | Unix seconds | hash |
//	+---------+-------------+--------------+------+
const (
	serverCookieLen     = 16
	serverCookieVersion = 1
	cookieHashAt        = 8
)

// How far the time in a cookie may be from ours, in seconds (RFC 9018, Section
// 4.3).
const (
	cookieMaxAge    = 60 * 60
	cookieMaxFuture = 5 * 60
)

// AppendServerCookie appends the 16 octets of the server cookie for a client,
// by its own cookie and its address, to dst and returns the extended slice. now
// is the time in Unix seconds modulo 2^32. Servers behind one address that share
// the secret understand each other's cookies (RFC 9018, Section 4).
func AppendServerCookie(dst []byte, secret [16]byte, client [8]byte, addr netip.Addr, now uint32) []byte {
	var head [cookieHashAt]byte
	head[0] = serverCookieVersion
	binary.BigEndian.PutUint32(head[4:], now)
	hash := cookieHash(secret, client, head, addr)
	return binary.LittleEndian.AppendUint64(append(dst, head[:]...), hash)
}

// CheckServerCookie reports whether server is a cookie that AppendServerCookie
// made under secret for this client and address, at most an hour ago and at most
// five minutes ahead of now (Unix seconds modulo 2^32; RFC 9018, Section 4.3).
func CheckServerCookie(secret [16]byte, client [8]byte, server []byte, addr netip.Addr, now uint32) bool {
	if len(server) != serverCookieLen || server[0] != serverCookieVersion {
		return false
	}
	// Serial number arithmetic (RFC 1982): right across the wrap of 2106 too.
	age := int32(now - binary.BigEndian.Uint32(server[4:]))
	if age > cookieMaxAge || age < -cookieMaxFuture {
		return false
	}
	// The reserved octets are hashed as they came (RFC 9018, Section 4.2). One
	// comparison of whole words takes the same time wherever they differ.
	hash := cookieHash(secret, client, [cookieHashAt]byte(server), addr)
	return hash == binary.LittleEndian.Uint64(server[cookieHashAt:])
}

// cookieHash is SipHash-2-4 of client cookie, version, reserved, timestamp and
// client address (RFC 9018, Section 4.4).
func cookieHash(secret [16]byte, client [8]byte, head [cookieHashAt]byte, addr netip.Addr) uint64 {
	var buf [8 + cookieHashAt + 16]byte
	data := append(append(buf[:0], client[:]...), head[:]...)
	if addr = addr.Unmap(); addr.Is4() {
		ip := addr.As4()
		data = append(data, ip[:]...)
	} else {
		ip := addr.As16()
		data = append(data, ip[:]...)
	}
	return SipHash(secret, data)
}
