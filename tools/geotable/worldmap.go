package main

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/geodns-vipd/geodns/pkg/geo"
)

// makeWorldMap writes the shapes of all countries as elements of an SVG, for
// the status page.
func makeWorldMap(args []string) error {
	flags := flag.NewFlagSet("worldmap", flag.ContinueOnError)
	out := flags.String("o", "world.svg", "file to write")
	name := flags.String("name", "", "what the data are, for the comment")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 || *name == "" {
		return fmt.Errorf("-name and one file are needed\n%s", usage)
	}
	data, err := os.ReadFile(flags.Arg(0))
	if err != nil {
		return err
	}
	all, err := readShapes(data)
	if err != nil {
		return fmt.Errorf("%s: %w", flags.Arg(0), err)
	}
	return os.WriteFile(*out, worldMap(all, *name), 0o644)
}

// The map is mapWidth units wide with the equator at y = 0, south positive;
// Antarctica is left out.
const (
	mapWidth  = 2000
	dotRadius = 6 // of countries too small for a shape
)

// Pieces without a number of their own, which databases count to a country.
var countedTo = map[string]string{"N. Cyprus": "196", "Somaliland": "706"}

func worldMap(all shapes, name string) []byte {
	for piece, of := range countedTo {
		all[of] = append(all[of], all[piece]...)
	}
	of := map[string][]ring{}
	claimed := map[*[2]float64]bool{} // first points of rings that are a part's
	for code := range parts {
		of[code], _ = ringsOf(all, code) // none at this scale: a dot
		for _, r := range of[code] {
			claimed[&r[0]] = true
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!-- Made by tools/geotable from %s. -->\n", name)
	for _, code := range geo.Countries() {
		if code == "AQ" {
			continue
		}
		rings, isPart := of[code]
		if !isPart {
			all, _ := ringsOf(all, code)
			for _, r := range all {
				if !claimed[&r[0]] {
					rings = append(rings, r)
				}
			}
		}
		if len(rings) == 0 {
			lat, lon, _ := geo.CountryMiddle(code)
			x, y := equalEarth(lat, lon)
			fmt.Fprintf(&b, "<circle data-c=\"%s\" cx=\"%d\" cy=\"%d\" r=\"%d\"/>\n", code, x, y, dotRadius)
			continue
		}
		fmt.Fprintf(&b, "<path data-c=\"%s\" d=\"", code)
		for _, r := range rings {
			for _, piece := range atDateLine(r) {
				writeRing(&b, piece)
			}
		}
		fmt.Fprintf(&b, "\"/>\n")
	}
	return b.Bytes()
}

// writeRing writes a ring as steps of whole units. Points that fall together
// are written once, and a ring of which nothing is left not at all.
func writeRing(out *bytes.Buffer, r ring) {
	atX, atY := equalEarth(r[0][1], r[0][0])
	b := new(bytes.Buffer)
	fmt.Fprintf(b, "M%d %dl", atX, atY)
	first := true
	for _, p := range r[1:] {
		x, y := equalEarth(p[1], p[0])
		if x == atX && y == atY {
			continue
		}
		if !first && x >= atX {
			b.WriteByte(' ')
		}
		fmt.Fprintf(b, "%d", x-atX)
		if y >= atY {
			b.WriteByte(' ')
		}
		fmt.Fprintf(b, "%d", y-atY)
		atX, atY, first = x, y, false
	}
	if !first {
		b.WriteByte('z')
		b.WriteTo(out)
	}
}

// atDateLine cuts a ring that crosses the date line, and returns its pieces.
func atDateLine(r ring) []ring {
	whole := ring{r[0]}
	west, east := r[0][0], r[0][0]
	for _, p := range r[1:] {
		x := whole[len(whole)-1][0]
		x += math.Remainder(p[0]-x, 360)
		whole = append(whole, [2]float64{x, p[1]})
		west, east = min(west, x), max(east, x)
	}
	var pieces []ring
	for _, turn := range []float64{-360, 0, 360} {
		if west+turn >= 180 || east+turn <= -180 {
			continue
		}
		piece := slices.Clone(whole)
		for i := range piece {
			piece[i][0] += turn
		}
		if piece = cut(cut(piece, 180, 1), -180, -1); len(piece) > 0 {
			pieces = append(pieces, piece)
		}
	}
	return pieces
}

// cut returns the part of a ring on the inner side of a meridian: west of it
// for side 1, east for side -1 (Sutherland and Hodgman, 1974).
func cut(r ring, meridian, side float64) ring {
	inside := func(p [2]float64) bool { return (meridian-p[0])*side >= 0 }
	var out ring
	for i, p := range r {
		before := r[(i+len(r)-1)%len(r)]
		if inside(p) != inside(before) {
			part := (meridian - before[0]) / (p[0] - before[0])
			out = append(out, [2]float64{meridian, before[1] + part*(p[1]-before[1])})
		}
		if inside(p) {
			out = append(out, p)
		}
	}
	return out
}

// equalEarth projects a place by the Equal Earth projection (Šavrič, Patterson
// and Jenny, 2018), which keeps areas true. The status page's script does the
// same for the sites.
func equalEarth(lat, lon float64) (x, y int) {
	const a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
	t := math.Asin(math.Sqrt(3) / 2 * math.Sin(lat*math.Pi/180))
	u := t * t
	v := u * u * u
	px := 2 * math.Sqrt(3) * (lon * math.Pi / 180) * math.Cos(t) / (3 * (a1 + 3*a2*u + v*(7*a3+9*a4*u)))
	py := t * (a1 + a2*u + v*(a3+a4*u))
	scale := mapWidth / 2 / (2 * math.Pi / math.Sqrt(3) / a1)
	return int(math.Round(px * scale)), int(math.Round(-py * scale))
}
