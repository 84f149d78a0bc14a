package gossip

import (
	"bytes"
	"log"

	"github.com/rs/zerolog"
)

// bridge is where serf's and memberlist's loggers write: lines like "[WARN] serf: what happened".
type bridge struct {
	log zerolog.Logger
}

func newBridge(to zerolog.Logger) *log.Logger { return log.New(bridge{to}, "", 0) }

// Write logs a line at the level that it begins with; without one it is information.
func (b bridge) Write(line []byte) (int, error) {
	text := bytes.TrimRight(line, "\n")
	level := zerolog.InfoLevel
	if rest, ok := bytes.CutPrefix(text, []byte("[")); ok {
		if name, after, ok := bytes.Cut(rest, []byte("]")); ok {
			level = levelOf(string(name))
			text = bytes.TrimLeft(after, " ")
		}
	}
	e := b.log.WithLevel(level)
	if part, after, ok := bytes.Cut(text, []byte(": ")); ok && (string(part) == "serf" || string(part) == "memberlist") {
		e = e.Str("part", string(part))
		text = after
	}
	e.Msg(string(text))
	return len(line), nil
}

// levelOf is the level of that name: serf's and zerolog's mean the same.
func levelOf(name string) zerolog.Level {
	switch name {
	case "ERR", "ERROR":
		return zerolog.ErrorLevel
	case "WARN":
		return zerolog.WarnLevel
	case "DEBUG", "TRACE":
		return zerolog.DebugLevel
	}
	return zerolog.InfoLevel
}
