package main

import (
	"bytes"
	"slices"
	"testing"
)

func TestRingsAreCutAtTheDateLine(t *testing.T) {
	square := func(west, east float64) ring { return ring{{west, 0}, {east, 0}, {east, 10}, {west, 10}, {west, 0}} }
	extent := func(r ring) [2]float64 {
		var xs []float64
		for _, p := range r {
			xs = append(xs, p[0])
		}
		return [2]float64{slices.Min(xs), slices.Max(xs)}
	}
	for _, c := range []struct {
		name string
		ring ring
		want [][2]float64
	}{
		{"elsewhere", square(10, 20), [][2]float64{{10, 20}}},
		{"across, as numbers run on", square(170, 190), [][2]float64{{-180, -170}, {170, 180}}},
		{"across, as numbers turn over", square(170, -170), [][2]float64{{-180, -170}, {170, 180}}},
		{"up to it", square(170, 180), [][2]float64{{170, 180}}},
	} {
		var got [][2]float64
		for _, piece := range atDateLine(c.ring) {
			got = append(got, extent(piece))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestSmallRingsVanish(t *testing.T) {
	var b bytes.Buffer
	writeRing(&b, ring{{8, 50}, {8.01, 50}, {8, 50.01}, {8, 50}})
	if b.Len() != 0 {
		t.Errorf("got %q, want nothing", b.String())
	}
	writeRing(&b, ring{{0, 0}, {10, 0}, {10, 10}, {0, 0}})
	if want := "M0 0l56 0-1-75-55 75z"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

// The poles, the date line and places on both sides of the equator.
func TestEqualEarth(t *testing.T) {
	for _, c := range []struct {
		lat, lon float64
		x, y     int
	}{{0, 0, 0, 0}, {0, 180, 1000, 0}, {0, -180, -1000, 0}, {90, 0, 0, -487}, {-90, 0, 0, 487}} {
		if x, y := equalEarth(c.lat, c.lon); x != c.x || y != c.y {
			t.Errorf("%v,%v: got %d,%d, want %d,%d", c.lat, c.lon, x, y, c.x, c.y)
		}
	}
}
