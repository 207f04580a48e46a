package route53

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// Input is what was read so far. Its zero value is ready for use.
type Input struct {
	records []recordSet
	checks  []healthCheck
	blocks  map[string][]string // CIDR blocks by the name of their location
	hosted  []hostedZoneInfo
}

// recordSet is one element of ResourceRecordSets, as Route 53's API names it.
type recordSet struct {
	Name             string
	Type             string
	SetIdentifier    string
	TTL              uint32
	ResourceRecords  []struct{ Value string }
	AliasTarget      *aliasTarget
	HealthCheckID    string `json:"HealthCheckId"`
	Weight           *uint32
	Failover         string // PRIMARY, SECONDARY
	Region           string
	MultiValueAnswer bool
	GeoLocation      *geoLocation
	Proximity        *proximity  `json:"GeoProximityLocation"`
	CIDR             *cidrConfig `json:"CidrRoutingConfig"`
	TrafficPolicy    string      `json:"TrafficPolicyInstanceId"`

	pos diag.Pos
}

type aliasTarget struct {
	DNSName              string
	EvaluateTargetHealth bool
}

type geoLocation struct {
	ContinentCode, CountryCode, SubdivisionCode string
}

type proximity struct {
	AWSRegion      string
	LocalZoneGroup string
	Coordinates    *struct{ Latitude, Longitude json.Number }
	Bias           int
}

type cidrConfig struct {
	CollectionID string `json:"CollectionId"`
	LocationName string
}

// healthCheck is one element of HealthChecks.
type healthCheck struct {
	ID     string `json:"Id"`
	Config struct {
		IPAddress                string
		Port                     uint16
		Type                     string
		ResourcePath             string
		FullyQualifiedDomainName string
		SearchString             string
		RequestInterval          int
		FailureThreshold         int
		Inverted                 bool
		Disabled                 bool
		HealthThreshold          int
		ChildHealthChecks        []string
	} `json:"HealthCheckConfig"`

	pos diag.Pos
}

// cidrBlock is one element of CidrBlocks.
type cidrBlock struct{ CidrBlock, LocationName string }

// hostedZoneInfo is what get-hosted-zone says of a zone.
type hostedZoneInfo struct {
	Name   string
	Config struct{ PrivateZone bool }

	pos diag.Pos
}

// Read adds what a file says. A file may hold several answers one after the
// other, as several calls into one file leave them. The findings are errors
// at a place in the file.
func (in *Input) Read(name string, data []byte) diag.List {
	r := reader{in: in, name: name, data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	if in.blocks == nil {
		in.blocks = map[string][]string{}
	}
	err := r.documents()
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		r.list.Errorf(r.place(r.start), asPrinted, "%s is a %s", kind.Field, kind.Value)
	case errors.As(err, &syntax):
		r.list.Errorf(r.place(syntax.Offset), asPrinted, "no JSON: %s", syntax)
	case errors.Is(err, errShape):
		r.list.Errorf(r.place(r.start), asPrinted, "%s", err)
	case err != nil:
		r.list.Errorf(r.place(int64(len(data))), "the whole of it", "the file ends in the middle")
	case !r.found:
		r.list.Errorf(r.place(0), asPrinted, "neither ResourceRecordSets nor HealthChecks nor CidrBlocks")
	}
	return r.list
}

var errShape = errors.New("not of the shape that the aws command prints")

const asPrinted = "JSON as aws route53 list-resource-record-sets and list-health-checks print it"

// reader walks through one file.
type reader struct {
	in    *Input
	name  string
	data  []byte
	dec   *json.Decoder
	start int64 // where the element that is read begins
	found bool
	list  diag.List
}

// documents reads one answer after the other.
func (r *reader) documents() error {
	for {
		t, err := r.dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if t != json.Delim('{') {
			return errShape
		}
		for r.dec.More() {
			if err := r.field(); err != nil {
				return err
			}
		}
		if _, err := r.dec.Token(); err != nil {
			return err
		}
	}
}

// field reads one key of an answer with its value.
func (r *reader) field() error {
	key, err := r.dec.Token()
	if err != nil {
		return err
	}
	switch key {
	case "ResourceRecordSets":
		return elements(r, func(e recordSet) { e.pos = r.place(r.start); r.in.records = append(r.in.records, e) })
	case "HealthChecks":
		return elements(r, func(e healthCheck) { e.pos = r.place(r.start); r.in.checks = append(r.in.checks, e) })
	case "CidrBlocks":
		return elements(r, func(e cidrBlock) {
			r.in.blocks[e.LocationName] = append(r.in.blocks[e.LocationName], e.CidrBlock)
		})
	case "HostedZone":
		var z hostedZoneInfo
		r.found = true
		r.next()
		err := r.dec.Decode(&z)
		z.pos = r.place(r.start)
		r.in.hosted = append(r.in.hosted, z)
		return err
	case "IsTruncated":
		r.next()
		var more bool
		err := r.dec.Decode(&more)
		if more {
			r.list.Errorf(r.place(r.start), "all of it: run the aws command without --max-items", "the answer is truncated")
		}
		return err
	}
	var other json.RawMessage
	return r.dec.Decode(&other)
}

// elements reads an array and gives each element to add.
func elements[E any](r *reader, add func(E)) error {
	r.found = true
	r.next()
	if t, err := r.dec.Token(); err != nil {
		return err
	} else if t != json.Delim('[') {
		return errShape
	}
	for r.dec.More() {
		var e E
		r.next()
		if err := r.dec.Decode(&e); err != nil {
			return err
		}
		add(e)
	}
	_, err := r.dec.Token()
	return err
}

// next notes where the next value begins.
func (r *reader) next() {
	r.start = r.dec.InputOffset()
	for r.start < int64(len(r.data)) && strings.IndexByte(" \t\r\n,:", r.data[r.start]) >= 0 {
		r.start++
	}
}

// place returns the line and column of an offset.
func (r *reader) place(offset int64) diag.Pos {
	before := r.data[:min(max(offset, 0), int64(len(r.data)))]
	last := before[bytes.LastIndexByte(before, '\n')+1:]
	return diag.Pos{File: r.name, Line: 1 + bytes.Count(before, []byte("\n")), Col: 1 + utf8.RuneCount(last)}
}
