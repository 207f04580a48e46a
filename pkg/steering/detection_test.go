package steering

import (
	"testing"
	"time"
)

func TestDetection(t *testing.T) {
	c, list := Parse([]File{{"steering.yaml", []byte(`
checks:
  away: {tcp: {port: 80}, target: 192.0.2.99, interval: 1s, timeout: 1s, fall: 4}
  fast: {tcp: {port: 80}, interval: 1s, timeout: 500ms, fall: 2}
  slow: {tcp: {port: 80}, interval: 10s, timeout: 2s, fall: 3}
  told: {push: {ttl: 30s}, interval: 1s, timeout: 1s}
  aged: {file: {path: /tmp/x, max_age: 1m}, interval: 1s, timeout: 1s, fall: 1}
  both: {calculated: {of: [fast, slow], at_least: 1}}
  not:  {not: both}
  up:   {tcp: {port: 80}, interval: 2s, timeout: 1s, fall: 2, rise: 9}
  off:  {not: up}
  on:   {not: off}
  some: {calculated: {of: [off, on, fast], at_least: 2}}
sites:
  a: {addresses: [192.0.2.1], check: fast}
  b: {addresses: [192.0.2.2], check: [fast, slow]}
  c: {addresses: [192.0.2.3], check: told}
  d: {addresses: [192.0.2.4], check: aged}
  e: {addresses: [192.0.2.5], check: not}
  f: {addresses: [192.0.2.6]}
  g: {records: ["CNAME example.net."]}
  h: {addresses: [192.0.2.8], check: off}
  i: {addresses: [192.0.2.9], check: on}
  j: {addresses: [192.0.2.10], check: some}
  k: {records: ["CNAME example.net."], check: away}
`)}})
	if list.HasErrors() {
		t.Fatal(list)
	}
	for i, want := range []time.Duration{2500 * time.Millisecond, 32 * time.Second, 32 * time.Second, 62 * time.Second, 22 * time.Second, -1, -1,
		19 * time.Second, 5 * time.Second, 19 * time.Second, 5 * time.Second} {
		d, watched := c.Detection(&c.Sites[i])
		if got := d.Within(); watched != (want >= 0) || watched && got != want {
			t.Errorf("%s: got %v (%s), watched %v, want %v", c.Sites[i].Name, got, d, watched, want)
		}
	}
}
