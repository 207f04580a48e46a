// Package keepalived holds `vipd check` against `keepalived -t`.
//
// Each file of testdata is one kind of mistake: a configuration, what
// keepalived 2.2.7 said of it, and what vipd says. The first is asked again
// where keepalived is installed and network namespaces can be made; the second
// always. The runner over a folder of configurations is in corpus_test.go:
//
//	KEEPALIVED_CORPUS=/usr/share/doc/keepalived/samples go test ./test/keepalived -run Corpus -v
//
// The package holds tests only.
package keepalived
