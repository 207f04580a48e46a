package geo

import "unsafe"

// inside reports whether part's bytes lie in the memory of whole.
func inside(whole, part string) bool {
	w, p := uintptr(unsafe.Pointer(unsafe.StringData(whole))), uintptr(unsafe.Pointer(unsafe.StringData(part)))
	return w <= p && p < w+uintptr(len(whole))
}
