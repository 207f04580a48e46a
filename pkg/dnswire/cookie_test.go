package dnswire

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The vectors of the reference implementation: key 00 01 … 0f, data 00 01 … of
// each length.
func TestSipHashOfTheReferenceVectors(t *testing.T) {
	key := [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	var data []byte
	for n, want := range []string{
		"310e0edd47db6f72", "fd67dc93c539f874", "5a4fa9d909806c0d", "2d7efbd796666785",
		"b7877127e09427cf", "8da699cd64557618", "cee3fe586e46c9cb", "37d1018bf50002ab",
		"6224939a79f5f593", "b0e4a90bdf82009e", "f3b9dd94c5bb5d7a", "a7ad6b22462fb3f4",
		"fbe50e86bc8f1e75", "903d84c02756ea14", "eef27a8e90ca23f7", "e545be4961ca29a1",
	} {
		got := binary.LittleEndian.AppendUint64(nil, SipHash(key, data))
		if hex.EncodeToString(got) != want {
			t.Errorf("%d octets: got %x, want %s", n, got, want)
		}
		data = append(data, byte(n))
	}
}

// The cookies of RFC 9018, Appendix A.
var cookieVectors = []struct {
	section string
	secret  string
	addr    string
	client  string
	server  string
	made    uint32 // Unix seconds in the cookie
}{
	{"A.1", "e5e973e5a6b2a43f48e7dc849e37bfcf", "198.51.100.100", "2464c4abcf10c957", "010000005cf79f111f8130c3eee29480", 1559731985},
	{"A.2", "e5e973e5a6b2a43f48e7dc849e37bfcf", "198.51.100.100", "2464c4abcf10c957", "010000005cf7a871d4a564a1442aca77", 1559734385},
	{"A.3", "e5e973e5a6b2a43f48e7dc849e37bfcf", "203.0.113.203", "fc93fc62807ddb86", "010000005cf7a9acf73a7810aca2381e", 1559734700},
	{"A.4, old secret", "dd3bdf9344b678b185a6f5cb60fca715", "2001:db8:220:1:59de:d0f4:8769:82b8", "22681ab97d52c298", "010000005cf7c57926556bd0934c72f8", 1559741817},
	{"A.4, new secret", "445536bcd2513298075a5d379663c962", "2001:db8:220:1:59de:d0f4:8769:82b8", "22681ab97d52c298", "010000005cf7c609a6bb79d16625507a", 1559741961},
}

func TestServerCookiesOfRFC9018(t *testing.T) {
	for _, v := range cookieVectors {
		secret, client := [16]byte(unhex(t, v.secret)), [8]byte(unhex(t, v.client))
		addr := netip.MustParseAddr(v.addr)
		got := AppendServerCookie(nil, secret, client, addr, v.made)
		if hex.EncodeToString(got) != v.server {
			t.Errorf("%s: got %x, want %s", v.section, got, v.server)
		}
		if !CheckServerCookie(secret, client, unhex(t, v.server), addr, v.made) {
			t.Errorf("%s: the cookie is not believed", v.section)
		}
	}
}

// RFC 9018, Appendix A.3: a cookie with other than zeros in the reserved octets.
func TestReservedOctetsOfACookieAreHashedAsTheyCame(t *testing.T) {
	secret := [16]byte(unhex(t, "e5e973e5a6b2a43f48e7dc849e37bfcf"))
	client := [8]byte(unhex(t, "fc93fc62807ddb86"))
	addr := netip.MustParseAddr("203.0.113.203")
	server := unhex(t, "01abcdef5cf78f71a314227b6679ebf5")
	if !CheckServerCookie(secret, client, server, addr, 1559728000) {
		t.Error("the cookie of the RFC is not believed")
	}
	server[1], server[2], server[3] = 0, 0, 0
	if CheckServerCookie(secret, client, server, addr, 1559728000) {
		t.Error("a cookie with changed reserved octets is believed")
	}
}

func TestCookiesAreBelievedForAnHour(t *testing.T) {
	secret, client, addr := [16]byte{1}, [8]byte{2}, netip.MustParseAddr("192.0.2.1")
	for _, made := range []uint32{1559731985, 0, 1<<32 - 100, 1<<31 - 1} {
		cookie := AppendServerCookie(nil, secret, client, addr, made)
		for age, want := range map[int32]bool{
			0: true, 3600: true, 3601: false, -300: true, -301: false,
			1 << 30: false, -1 << 30: false, -1 << 31: false,
		} {
			if got := CheckServerCookie(secret, client, cookie, addr, made+uint32(age)); got != want {
				t.Errorf("made at %d, %d s old: got %v, want %v", made, age, got, want)
			}
		}
	}
}

func TestCookiesAreBelievedFromTheirClientOnly(t *testing.T) {
	secret, client, addr := [16]byte{1}, [8]byte{2}, netip.MustParseAddr("192.0.2.1")
	const now = 1559731985
	cookie := AppendServerCookie(nil, secret, client, addr, now)
	if !CheckServerCookie(secret, client, cookie, netip.MustParseAddr("::ffff:192.0.2.1"), now) {
		t.Error("a mapped address is not the address it stands for")
	}
	for what, ok := range map[string]bool{
		"another secret":  CheckServerCookie([16]byte{3}, client, cookie, addr, now),
		"another client":  CheckServerCookie(secret, [8]byte{3}, cookie, addr, now),
		"another address": CheckServerCookie(secret, client, cookie, netip.MustParseAddr("192.0.2.2"), now),
		"another family":  CheckServerCookie(secret, client, cookie, netip.MustParseAddr("c000:201::"), now),
		"cut short":       CheckServerCookie(secret, client, cookie[:15], addr, now),
		"made longer":     CheckServerCookie(secret, client, append(cookie[:16:16], 0), addr, now),
		"none":            CheckServerCookie(secret, client, nil, addr, now),
		"no address":      CheckServerCookie(secret, client, cookie, netip.Addr{}, now),
	} {
		if ok {
			t.Errorf("believed with %s", what)
		}
	}
	head := [cookieHashAt]byte(cookie)
	head[0] = 2
	second := binary.LittleEndian.AppendUint64(head[:], cookieHash(secret, client, head, addr))
	if CheckServerCookie(secret, client, second, addr, now) {
		t.Error("believed with a version that nobody has written down")
	}
	for i := range cookie {
		bad := append([]byte(nil), cookie...)
		bad[i] ^= 0x80
		if CheckServerCookie(secret, client, bad, addr, now) {
			t.Errorf("believed with octet %d changed", i)
		}
	}
}
