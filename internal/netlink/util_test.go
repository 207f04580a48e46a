package netlink

import (
	"io/fs"
	"os"
	"testing"
	"testing/fstest"
)

func mapFS(text string) fs.FS {
	return fstest.MapFS{"vipd.conf": {Data: []byte(text)}}
}

// writeSysctl sets net.… in the namespace of this thread.
func writeSysctl(t *testing.T, path, value string) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/net/"+path, []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}
