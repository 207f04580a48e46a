package e2e

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const clientCookie = "0102030405060708"

// cookie asks with a cookie and without a question, and returns the cookie that
// comes back and the response code, which judges the one that was sent.
func (s *server) cookie(t *testing.T, sent string) (got string, rcode int) {
	t.Helper()
	m := new(dns.Msg)
	m.Id = dns.Id()
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: sent}}
	reply, err := dns.Exchange(m, s.addr())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range reply.IsEdns0().Option {
		if c, ok := o.(*dns.EDNS0_COOKIE); ok {
			got = c.Cookie
		}
	}
	return got, reply.Rcode
}

// TestCookieSecretsAreRolledWithoutARestart goes through the three steps by which
// servers behind one address roll their secret.
func TestCookieSecretsAreRolledWithoutARestart(t *testing.T) {
	t.Parallel()
	dir := folder(t, files{"zones/example.com.zone": zoneText("www A 192.0.2.1\n")})
	s := start(t, dir)
	file := filepath.Join(dir, "state", "cookie-secret")
	octets, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	first, second := hex.EncodeToString(octets), strings.Repeat("5a", 16)
	taken := regexp.MustCompile(`msg="new secrets of DNS cookies"`)
	roll := func(text string, hangup bool) {
		t.Helper()
		from := s.log.len()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if hangup {
			s.hangup()
		}
		s.awaitLog(from, taken, notice)
		s.awaitLog(from, reloadLine, notice)
	}
	judge := func(what, cookie string, want int) {
		t.Helper()
		if _, rcode := s.cookie(t, cookie); rcode != want {
			t.Errorf("%s: %s, want %s", what, dns.RcodeToString[rcode], dns.RcodeToString[want])
		}
	}
	old, _ := s.cookie(t, clientCookie)
	judge("a cookie of the server", old, dns.RcodeSuccess)
	judge("a forged one", old[:len(old)-2]+"00", dns.RcodeBadCookie)
	roll(first+"\n"+second+"\n", false)
	judge("with the new secret known", old, dns.RcodeSuccess)
	roll(second+"\n"+first+"\n", true)
	judge("with the new secret used, the old cookie", old, dns.RcodeSuccess)
	fresh, _ := s.cookie(t, clientCookie)
	judge("with the new secret used, a new cookie", fresh, dns.RcodeSuccess)
	roll(second+"\n", false)
	judge("with the old secret removed, the old cookie", old, dns.RcodeBadCookie)
	judge("with the old secret removed, the new cookie", fresh, dns.RcodeSuccess)

	from := s.log.len()
	if err := os.WriteFile(file, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.awaitLog(from, regexp.MustCompile(`level=ERROR msg="the secrets of DNS cookies stay as they were"`), notice)
	judge("with nonsense in the file", fresh, dns.RcodeSuccess)
	if strings.Contains(s.log.String(), "5a5a") {
		t.Error("the log tells a secret")
	}

	// Other files of the state folder change often: none of that is a reload.
	time.Sleep(300 * time.Millisecond)
	from = s.log.len()
	for range 5 {
		if err := os.WriteFile(filepath.Join(dir, "state", "health.json"), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(500 * time.Millisecond)
	if text := s.log.String()[from:]; reloadLine.MatchString(text) {
		t.Errorf("a file of the state made a reload:\n%s", text)
	}
}

// TestTwoNodesRollTheirSecretTogether goes through the three steps on two nodes, one
// after the other in each step, while clients carry their cookies from one to the
// other: each with the one it was given last, and one that keeps its oldest for as
// long as the old secret stands. No node ever refuses one.
func TestTwoNodesRollTheirSecretTogether(t *testing.T) {
	t.Parallel()
	const first, second = "0f0e0d0c0b0a09080706050403020100", "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
	var nodes []*server
	var secrets []string
	for range 2 {
		dir := folder(t, files{"zones/example.com.zone": zoneText("www A 192.0.2.1\n"), "state/cookie-secret": first + "\n"})
		if err := os.Chmod(filepath.Join(dir, "state/cookie-secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		nodes, secrets = append(nodes, start(t, dir)), append(secrets, filepath.Join(dir, "state/cookie-secret"))
	}
	latest, _ := nodes[0].cookie(t, clientCookie)
	oldest := latest
	carry := func(step string, old bool) {
		t.Helper()
		for i := range 6 {
			node := nodes[i%2]
			fresh, rcode := node.cookie(t, latest)
			if rcode != dns.RcodeSuccess {
				t.Fatalf("%s: node %d refuses the cookie of the other", step, i%2)
			}
			latest = fresh
			if _, rcode := node.cookie(t, oldest); old != (rcode == dns.RcodeSuccess) {
				t.Errorf("%s: node %d: %s for the oldest cookie", step, i%2, dns.RcodeToString[rcode])
			}
		}
	}
	carry("before", true)
	taken := regexp.MustCompile(`msg="new secrets of DNS cookies"`)
	for _, text := range []string{first + "\n" + second, second + "\n" + first, second} {
		for i, node := range nodes {
			from := node.log.len()
			if err := os.WriteFile(secrets[i], []byte(text+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			node.awaitLog(from, taken, notice)
			node.awaitLog(from, reloadLine, notice)
			if text != second {
				carry("one of the nodes has "+text, true)
			}
		}
	}
	carry("after", false)
}
