package geo

var countryMiddles = map[string][2]float64{}
