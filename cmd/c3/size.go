package main

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// sizeValue is a flag's number of bytes, which may be said in KiB and so on.
type sizeValue int64

// units are those that a size may have, from the largest down.
var units = [...]struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

const sizeForm = "a number of bytes like 1000000, 64KiB or 4GiB"

// sizeVar adds a flag. The zero default is not shown: the text has what stands for it.
func sizeVar(set *pflag.FlagSet, p *int64, name string, value int64, usage string) {
	*p = value
	set.Var((*sizeValue)(p), name, usage)
}

// Set implements [pflag.Value].
func (v *sizeValue) Set(text string) error {
	number, unit := text, int64(1)
	for _, u := range units {
		if n, ok := strings.CutSuffix(text, u.name); ok {
			number, unit = strings.TrimSpace(n), u.bytes
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n > math.MaxInt64/unit || n < math.MinInt64/unit {
		return errors.New("want " + sizeForm)
	}
	*v = sizeValue(n * unit)
	return nil
}

// String is the size in the largest unit that leaves no rest.
func (v *sizeValue) String() string {
	for _, u := range units {
		if n := int64(*v); n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(*v), 10)
}

// Type implements [pflag.Value].
func (v *sizeValue) Type() string { return "size" }
