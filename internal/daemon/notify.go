package daemon

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// What systemd is told by [Notify] (sd_notify(3)).
const (
	Ready    = systemd.SdNotifyReady
	Stopping = systemd.SdNotifyStopping
	Alive    = systemd.SdNotifyWatchdog
)

// notifyTime bounds how long systemd may take to read: the queue is short, and
// nothing here may wait for one that hangs.
const notifyTime = time.Second

// Notify tells systemd the given lines; where there is none, or it does not
// listen, it does nothing.
func Notify(lines ...string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetWriteDeadline(time.Now().Add(notifyTime))
	_, _ = c.Write([]byte(strings.Join(lines, "\n"))) // there is nobody else to tell
}

// Reloading is the line that begins a reload, which [Ready] ends; systemd
// matches it with its request by the time.
func Reloading() string { return systemd.SdNotifyReloading + "\n" + systemd.SdNotifyMonotonicUsec() }

// MainPID is the line that names another process as the main one.
func MainPID(pid int) string { return fmt.Sprintf("MAINPID=%d", pid) }

// WatchdogInterval returns how often systemd wants to hear [Alive], with a
// margin of two; 0 means never. After a hand-over the process that systemd
// started is another one: its interval holds for this one too.
func WatchdogInterval() time.Duration {
	var usec int64
	if _, err := fmt.Sscan(os.Getenv("WATCHDOG_USEC"), &usec); err != nil || usec <= 0 || usec > int64(24*time.Hour/time.Microsecond) {
		return 0
	}
	return time.Duration(usec) * time.Microsecond / 2
}
