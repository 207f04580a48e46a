package geo

import "slices"

// A column holds numbers in the least width that fits the largest of them.
// Classes are few, so a policy's table mostly needs one byte for each range.
type column struct {
	w8  []uint8
	w16 []uint16
	w32 []uint32
}

func newColumn(values []uint32) column {
	largest := uint32(0)
	for _, v := range values {
		largest = max(largest, v)
	}
	switch {
	case largest < 1<<8:
		return column{w8: narrow[uint8](values)}
	case largest < 1<<16:
		return column{w16: narrow[uint16](values)}
	}
	return column{w32: slices.Clone(values)}
}

func narrow[T uint8 | uint16](values []uint32) []T {
	out := make([]T, len(values))
	for i, v := range values {
		out[i] = T(v)
	}
	return out
}

func (c *column) at(i int) uint32 {
	switch {
	case c.w8 != nil:
		return uint32(c.w8[i])
	case c.w16 != nil:
		return uint32(c.w16[i])
	}
	return c.w32[i]
}

func (c *column) equal(d *column) bool {
	return slices.Equal(c.w8, d.w8) && slices.Equal(c.w16, d.w16) && slices.Equal(c.w32, d.w32)
}

func (c *column) bytes() int { return cap(c.w8) + 2*cap(c.w16) + 4*cap(c.w32) }
