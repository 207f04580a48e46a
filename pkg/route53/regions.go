package route53

// regions are the places of Amazon's regions in degrees, as the cities and
// counties that Amazon names for them have them; good to a few dozen
// kilometres, which is all that a choice of the nearest needs.
var regions = map[string][2]float64{
	"af-south-1":     {-33.93, 18.42},  // Cape Town
	"ap-east-1":      {22.32, 114.17},  // Hong Kong
	"ap-east-2":      {25.03, 121.57},  // Taipei
	"ap-northeast-1": {35.68, 139.69},  // Tokyo
	"ap-northeast-2": {37.57, 126.98},  // Seoul
	"ap-northeast-3": {34.69, 135.50},  // Osaka
	"ap-south-1":     {19.08, 72.88},   // Mumbai
	"ap-south-2":     {17.39, 78.49},   // Hyderabad
	"ap-southeast-1": {1.35, 103.82},   // Singapore
	"ap-southeast-2": {-33.87, 151.21}, // Sydney
	"ap-southeast-3": {-6.21, 106.85},  // Jakarta
	"ap-southeast-4": {-37.81, 144.96}, // Melbourne
	"ap-southeast-5": {3.14, 101.69},   // Malaysia
	"ap-southeast-7": {13.76, 100.50},  // Thailand
	"ca-central-1":   {45.50, -73.57},  // Montreal
	"ca-west-1":      {51.05, -114.07}, // Calgary
	"cn-north-1":     {39.90, 116.41},  // Beijing
	"cn-northwest-1": {37.50, 105.20},  // Ningxia
	"eu-central-1":   {50.11, 8.68},    // Frankfurt
	"eu-central-2":   {47.38, 8.54},    // Zurich
	"eu-north-1":     {59.33, 18.07},   // Stockholm
	"eu-south-1":     {45.46, 9.19},    // Milan
	"eu-south-2":     {41.65, -0.88},   // Aragon
	"eu-west-1":      {53.35, -6.26},   // Dublin
	"eu-west-2":      {51.51, -0.13},   // London
	"eu-west-3":      {48.86, 2.35},    // Paris
	"il-central-1":   {32.09, 34.78},   // Tel Aviv
	"me-central-1":   {24.45, 54.38},   // United Arab Emirates
	"me-south-1":     {26.07, 50.56},   // Bahrain
	"mx-central-1":   {20.59, -100.39}, // Querétaro
	"sa-east-1":      {-23.55, -46.63}, // São Paulo
	"us-east-1":      {38.95, -77.45},  // Northern Virginia
	"us-east-2":      {40.10, -83.11},  // Ohio
	"us-gov-east-1":  {40.10, -83.11},  // Ohio
	"us-gov-west-1":  {45.84, -119.70}, // Oregon
	"us-west-1":      {37.35, -121.96}, // Northern California
	"us-west-2":      {45.84, -119.70}, // Oregon
}

// localZones are the cities of Amazon's local zones, by the part of the name
// of their group that stands for the city: "lax" in us-west-2-lax-1.
var localZones = map[string][2]float64{
	"akl": {-36.85, 174.76}, // Auckland
	"atl": {33.75, -84.39},  // Atlanta
	"bkk": {13.76, 100.50},  // Bangkok
	"bos": {42.36, -71.06},  // Boston
	"bue": {-34.60, -58.38}, // Buenos Aires
	"ccu": {22.57, 88.36},   // Kolkata
	"chi": {41.88, -87.63},  // Chicago
	"cph": {55.68, 12.57},   // Copenhagen
	"del": {28.61, 77.21},   // Delhi
	"den": {39.74, -104.99}, // Denver
	"dfw": {32.78, -96.80},  // Dallas
	"ham": {53.55, 9.99},    // Hamburg
	"han": {21.03, 105.85},  // Hanoi
	"hel": {60.17, 24.94},   // Helsinki
	"hnl": {21.31, -157.86}, // Honolulu
	"iah": {29.76, -95.37},  // Houston
	"las": {36.17, -115.14}, // Las Vegas
	"lax": {34.05, -118.24}, // Los Angeles
	"lim": {-12.05, -77.04}, // Lima
	"los": {6.52, 3.38},     // Lagos
	"mci": {39.10, -94.58},  // Kansas City
	"mct": {23.59, 58.41},   // Muscat
	"mia": {25.76, -80.19},  // Miami
	"mnl": {14.60, 120.98},  // Manila
	"msp": {44.98, -93.27},  // Minneapolis
	"nyc": {40.71, -74.01},  // New York
	"pdx": {45.52, -122.68}, // Portland
	"per": {-31.95, 115.86}, // Perth
	"phl": {39.95, -75.17},  // Philadelphia
	"phx": {33.45, -112.07}, // Phoenix
	"qro": {20.59, -100.39}, // Querétaro
	"scl": {-33.45, -70.67}, // Santiago
	"sea": {47.61, -122.33}, // Seattle
	"tpe": {25.03, 121.57},  // Taipei
	"waw": {52.23, 21.01},   // Warsaw
}
