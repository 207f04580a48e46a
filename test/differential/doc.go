// Package differential asks geodns, BIND, Knot and NSD the same questions about
// the same zones and compares what they say.
//
// Where two of the three others give the same reply, geodns must give it too,
// and where all differ it must side with one of them; the exceptions are in
// decisions_test.go, each with its reason. The zones are those of
// testdata/corpus, written by hand, and any number of random ones. The replies
// to the corpus are also kept in testdata/replies, so that a machine without the
// other servers still notices a change.
//
// The package holds tests only.
package differential
