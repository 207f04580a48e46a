package stalltest

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Another process stops this one for a while.
func TestStallsAreCounted(t *testing.T) {
	w := Start(t)
	const pause = 200 * time.Millisecond
	for range 2 {
		w.TakeWorst()
		before, begin := w.Lost(), time.Now()
		over := w.After(pause)
		script := fmt.Sprintf("kill -STOP %d; sleep %v; kill -CONT %d", os.Getpid(), pause.Seconds(), os.Getpid())
		if out, err := exec.Command("/bin/sh", "-c", script).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		lost, worst, took := w.Lost()-before, w.TakeWorst(), time.Since(begin)
		<-over
		if waited := time.Since(begin); waited < pause+lost {
			t.Errorf("%v were over after %v, of which it stood still for %v", pause, waited, lost)
		}
		if lost < pause*9/10 || lost > took || worst < pause*9/10 || worst > lost {
			t.Errorf("stopped for %v of %v: counts %v, the longest %v", pause, took, lost, worst)
		}
	}
}
