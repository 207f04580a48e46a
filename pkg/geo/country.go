package geo

import (
	"maps"
	"slices"
	"strings"
)

// countriesOf lists the countries of each continent: ISO 3166-1 alpha-2, and
// XK for Kosovo, which ISO leaves to its users and all databases write so.
// Where a country could be counted to either of two continents, it stands
// where GeoNames has it (and with it MaxMind): Cyprus, Russia in Europe;
// Turkey, Georgia, Armenia, Azerbaijan, Kazakhstan in Asia; Egypt in Africa;
// East Timor in Oceania.
var countriesOf = map[string]string{
	"AF": `AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG
		ML MR MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW`,
	"AN": `AQ BV GS HM TF`,
	"AS": `AE AF AM AZ BD BH BN BT CC CN GE HK ID IL IN IO IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM
		MN MO MV MY NP OM PH PK PS QA SA SG SY TH TJ TM TR TW UZ VN YE`,
	"EU": `AD AL AT AX BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI
		LT LU LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK`,
	"NA": `AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI
		PA PM PR SV SX TC TT US VC VG VI`,
	"OC": `AS AU CK CX FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TL TO TV UM VU WF WS`,
	"SA": `AR BO BR CL CO EC FK GF GY PE PY SR UY VE`,
}

// continentOf is countriesOf the other way round.
var continentOf = func() map[string]string {
	m := make(map[string]string, 250)
	for continent, countries := range countriesOf {
		for country := range strings.FieldsSeq(countries) {
			m[country] = continent
		}
	}
	return m
}()

// ContinentOf returns the continent of a country, both as two capital
// letters, and "" for an unknown code.
func ContinentOf(country string) string { return continentOf[country] }

// ValidCountry reports whether code is a country's ISO 3166-1 alpha-2 code in
// capital letters, or XK for Kosovo.
func ValidCountry(code string) bool { return continentOf[code] != "" }

// ValidContinent reports whether code is one of [Continents].
func ValidContinent(code string) bool { return countriesOf[code] != "" }

// Countries returns all codes for which [ValidCountry] holds, sorted.
func Countries() []string { return slices.Sorted(maps.Keys(continentOf)) }

// Continents returns the codes of the continents, sorted: AF (Africa), AN
// (Antarctica), AS (Asia), EU (Europe), NA (North America), OC (Oceania), SA
// (South America).
func Continents() []string { return slices.Sorted(maps.Keys(countriesOf)) }

// CountryMiddle returns about the middle of a country in degrees: the centre
// of the area of its largest piece of land. It stands in for the coordinates
// of a client of whom only the country is known.
func CountryMiddle(code string) (lat, lon float64, ok bool) {
	m, ok := countryMiddles[code]
	return m[0], m[1], ok
}
