package geo

import "math"

// earthRadius is the mean radius in kilometres (IUGG R1).
const earthRadius = 6371.0088

// Distance returns the great-circle distance in kilometres between two points
// given in degrees, on a sphere; it is wrong by up to 0.5 %, much less than
// the databases are.
func Distance(lat1, lon1, lat2, lon2 float64) float64 {
	const radian = math.Pi / 180
	// The haversine form keeps its precision for points close together, which
	// the law of cosines does not.
	sinLat := math.Sin((lat2 - lat1) * radian / 2)
	sinLon := math.Sin((lon2 - lon1) * radian / 2)
	h := sinLat*sinLat + math.Cos(lat1*radian)*math.Cos(lat2*radian)*sinLon*sinLon
	return 2 * earthRadius * math.Asin(math.Sqrt(min(h, 1)))
}
