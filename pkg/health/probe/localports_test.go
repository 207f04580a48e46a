package probe

import "testing"

func TestLocalPortsAreReadOrTakenWide(t *testing.T) {
	for text, want := range map[string][2]uint16{
		"32768\t60999\n": {32768, 60999},
		"40000 40063":    {40000, 40063},
		"":               {1024, 65535},
		"60999 32768":    {1024, 65535},
		"0 100000":       {1024, 65535},
	} {
		if low, high := parsePorts(text); [2]uint16{low, high} != want {
			t.Errorf("%q: %d to %d, want %v", text, low, high, want)
		}
	}
}
