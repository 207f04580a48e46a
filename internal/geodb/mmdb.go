package geodb

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/geodns-vipd/geodns/pkg/geo"
)

// parse turns the bytes of an MMDB file into a source without a name.
func parse(data []byte) (*geo.Source, error) {
	if isCompressed(data) {
		return nil, errCompressed
	}
	db, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", errNotMMDB, err)
	}
	defer db.Close()
	databaseType, built := db.Metadata.DatabaseType, db.Metadata.BuildTime().UTC()
	if err := verify(db); err != nil {
		return nil, fmt.Errorf("damaged: fetch it anew: %w", err)
	}
	if tooTangled(data, &db.Metadata) {
		return nil, fmt.Errorf("damaged: more networks than its %d nodes can hold: fetch it anew", db.Metadata.NodeCount)
	}
	l := loader{db: db, builder: geo.NewSourceBuilder(), refs: make(map[uintptr]geo.Ref)}
	if err := l.load(); err != nil {
		return nil, err
	}
	for _, prefix := range geo.Aliases() {
		if hasAlias(data, &db.Metadata, prefix) {
			l.builder.Alias(prefix)
		}
	}
	src := l.builder.Source("")
	src.Type, src.Built = databaseType, built
	src.Fields |= promised(src.Type)
	if src.Fields == 0 {
		return nil, fmt.Errorf("database type %q carries nothing that geodns can use: a City, Country or ASN database is needed", src.Type)
	}
	return src, nil
}

// verify checks the search tree and all records. The library also asks for a
// description and a type in the metadata; they are lacking in good databases
// that were not made by MaxMind, and tell nothing about damage.
func verify(db *maxminddb.Reader) error {
	if len(db.Metadata.Description) == 0 {
		db.Metadata.Description = map[string]string{"en": "none"}
	}
	if db.Metadata.DatabaseType == "" {
		db.Metadata.DatabaseType = "none"
	}
	return db.Verify()
}

// promised returns what MaxMind says that a database of this type carries. It
// counts beside what is seen, so that a small database of theirs in which no
// record happens to have a city is still a City database. Of the names that
// others give nothing follows: some City databases have no coordinates, and
// some have no codes of subdivisions.
func promised(databaseType string) geo.Fields {
	product, theirs := strings.CutPrefix(databaseType, "GeoLite2-")
	if !theirs {
		if product, theirs = strings.CutPrefix(databaseType, "GeoIP2-"); !theirs {
			return 0
		}
	}
	const country = geo.Continent | geo.Country
	const city = country | geo.Subdivision | geo.City | geo.Location
	switch {
	case strings.HasPrefix(product, "City"):
		return city
	case strings.HasPrefix(product, "Enterprise"), strings.HasPrefix(product, "Precision-Enterprise"):
		return city | geo.ASN
	case strings.HasPrefix(product, "Country"):
		return country
	case strings.HasPrefix(product, "ASN"), strings.HasPrefix(product, "ISP"):
		return geo.ASN
	}
	return 0
}

// A loader walks a database's networks. Records are shared by many networks;
// refs has what each was decoded to, by its offset in the file.
type loader struct {
	db      *maxminddb.Reader
	builder *geo.SourceBuilder
	layout  layout
	refs    map[uintptr]geo.Ref
}

var (
	allIPv4    = netip.MustParsePrefix("0.0.0.0/0")
	ipv4InIPv6 = netip.MustParsePrefix("::/96")
)

func (l *loader) load() error {
	// Aliases of IPv4 within IPv6 are left out by the library; see hasAlias.
	for network := range l.db.Networks() {
		if err := network.Err(); err != nil {
			return fmt.Errorf("damaged: fetch it anew: %w", err)
		}
		ref, err := l.ref(network)
		if err != nil {
			return err
		}
		if ref != 0 {
			l.add(network.Prefix(), ref)
		}
	}
	return nil
}

// add gives prefix a place. IPv4 lives at ::/96 in an IPv6 database and comes
// out of the library as IPv4, but for an entry that covers more than that.
func (l *loader) add(prefix netip.Prefix, ref geo.Ref) {
	l.builder.AddRef(prefix, ref)
	if prefix.Addr().Is6() && prefix.Bits() <= ipv4InIPv6.Bits() && prefix.Contains(ipv4InIPv6.Addr()) {
		l.builder.AddRef(allIPv4, ref)
	}
}

// ref returns the place of a network's record, which is decoded at first sight.
// 0 is the place of which nothing is known.
func (l *loader) ref(network maxminddb.Result) (geo.Ref, error) {
	offset := network.Offset()
	if ref, seen := l.refs[offset]; seen {
		return ref, nil
	}
	place, err := l.decode(network)
	if err != nil {
		return 0, fmt.Errorf("record of %v: %w", network.Prefix(), err)
	}
	ref := l.builder.Ref(place)
	l.refs[offset] = ref
	return ref, nil
}
