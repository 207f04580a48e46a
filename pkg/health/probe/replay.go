package probe

// replay reads as the connection did from which data came: data, then filler
// bytes of any kind, then last.
type replay struct {
	data   []byte
	filler int
	last   error
}

// Read implements io.Reader.
func (r *replay) Read(b []byte) (int, error) {
	switch {
	case len(r.data) > 0:
		n := copy(b, r.data)
		r.data = r.data[n:]
		return n, nil
	case r.filler > 0:
		n := min(len(b), r.filler)
		clear(b[:n])
		r.filler -= n
		return n, nil
	}
	return 0, r.last
}
