package keepalived

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// HMAC is an auth_hmac block (draft-cassen-vrrp-auth-hmac).
type HMAC struct {
	Keys       []HMACKey
	ActiveKey  uint8
	Monotonic  bool          // anti_replay monotonic: no clock needed
	TimeWindow time.Duration // default max(3 × AdvertInterval, 5 s)
	Mode       HMACMode
	Pos        diag.Pos
}

// HMACMode says what is sent, and what becomes of adverts without a trailer.
type HMACMode uint8

// Modes.
const (
	HMACEnforce     HMACMode = iota // signs, and believes nothing else
	HMACPermissive                  // signs, and believes both
	HMACReceiveOnly                 // does not sign, and believes both
)

// HMACKey is one key: File is a path to read it from (see [Config.ReadKeys]),
// else Key holds it.
type HMACKey struct {
	ID   uint8
	Key  Secret
	File string
	Pos  diag.Pos
}

// decodeHMAC reads an auth_hmac block.
func decodeHMAC(d *decoder, v *Instance, n *node) {
	h := &HMAC{Pos: n.pos()}
	active := n
	for _, c := range n.children {
		if !d.shaped("auth_hmac", c) {
			continue
		}
		switch c.keyword() {
		case "key":
			d.hmacKey(h, c)
		case "active_key":
			active = c
			if id, ok := d.number(c, 1, 255, ""); ok {
				h.ActiveKey = uint8(id)
			}
		case "anti_replay":
			s, _ := d.choice(c, "uses time", "time", "monotonic")
			h.Monotonic = s == "monotonic"
		case "time_window":
			if t, ok := d.number(c, 1, 300, useDefault); ok {
				h.TimeWindow = time.Duration(t) * time.Second
			}
		case "mode":
			s, _ := d.choice(c, "uses enforce", "enforce", "permissive", "receive-only")
			h.Mode = map[string]HMACMode{"permissive": HMACPermissive, "receive-only": HMACReceiveOnly}[s]
		}
	}
	has := false
	for _, k := range h.Keys {
		has = has || k.ID == h.ActiveKey
	}
	switch {
	case len(h.Keys) == 0:
		d.diags.Errorf(n.pos(), "key 1 hex:…", "auth_hmac without a key")
	case h.ActiveKey == 0:
		d.diags.Errorf(active.pos(), "active_key ID", "auth_hmac does not say which key signs")
	case !has:
		d.diags.Errorf(active.pos(), "the id of a key", "active_key %d is not one of the keys", h.ActiveKey)
	}
	v.Auth.HMAC = h
}

// hmacKey reads key ID VALUE: hex:…, file:PATH, or the key itself.
func (d *decoder) hmacKey(h *HMAC, c *node) {
	if len(c.words) < 3 {
		d.diags.Errorf(c.pos(), "key ID hex:… or key ID file:PATH", "a key needs an id and a value")
		return
	}
	d.noMore(c, 3)
	id, ok := d.numberWord("key", c.words[1], 1, 255, "")
	if !ok {
		return
	}
	for _, k := range h.Keys {
		if int64(k.ID) == id {
			d.diags.Errorf(c.words[1].pos, "another id", "key %d is given twice", id)
			return
		}
	}
	k := HMACKey{ID: uint8(id), Pos: c.words[2].pos}
	if path, ok := strings.CutPrefix(c.words[2].s, "file:"); ok {
		k.File = path
		h.Keys = append(h.Keys, k)
		return
	}
	var err error
	if k.Key, err = parseKey(c.words[2].s); err != nil {
		d.diags.Errorf(k.Pos, keyRight, "key %d %v", id, err)
		return
	}
	h.Keys = append(h.Keys, k)
}

// Bounds of a key in bytes.
const minKey, maxKey = 32, 64

const keyRight = "32 to 64 bytes, such as hex: and what `openssl rand -hex 32` prints"

// parseKey reads hex:…, or a key as it stands. Its errors follow "key N" and
// never hold any of it.
func parseKey(text string) (Secret, error) {
	if digits, ok := strings.CutPrefix(text, "hex:"); ok {
		b, err := hex.DecodeString(digits)
		if err != nil {
			return Secret{}, errors.New("is not hexadecimal")
		}
		text = string(b)
	}
	if len(text) < minKey || len(text) > maxKey {
		return Secret{}, fmt.Errorf("has %d bytes", len(text))
	}
	return NewSecret(text), nil
}

// ReadKeys fills in the keys of auth_hmac that stand in files of their own,
// each with what read returns of its path. Space around a key is left out.
func (c *Config) ReadKeys(read func(path string) ([]byte, error)) diag.List {
	var list diag.List
	for _, v := range c.Instances {
		if v.Auth.HMAC == nil {
			continue
		}
		for i := range v.Auth.HMAC.Keys {
			k := &v.Auth.HMAC.Keys[i]
			if k.File == "" {
				continue
			}
			b, err := read(k.File)
			if err != nil {
				list.Errorf(k.Pos, "a file with the key", "key %d cannot be read: %v", k.ID, err)
				continue
			}
			if k.Key, err = parseKey(strings.TrimSpace(string(b))); err != nil {
				list.Errorf(k.Pos, keyRight, "key %d in %s %v", k.ID, k.File, err)
			}
		}
	}
	return list
}
