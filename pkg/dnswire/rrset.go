package dnswire

// RRset is the records of one owner, type and class (RFC 2181, Section 5). It is
// immutable once built, so that any number of goroutines may read it.
type RRset struct {
	Type Type
	TTL  uint32 // seconds
	// RData holds the RDATA of each record in wire form without the length
	// field: names in it are uncompressed and keep the case of the file.
	RData [][]byte
}
