package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Flights is the table, column by column: each travels as one block of bytes, or, under hold, not at all.
type Flights struct {
	Delay    []int16   // minutes
	Distance []int16   // miles
	Time     []float32 // of the day, in hours
}

// flightsOf has the columns of a record batch, where they are.
func flightsOf(batch arrow.RecordBatch) (Flights, error) {
	if batch.NumCols() == 3 {
		delay, ok1 := batch.Column(0).(*array.Int16)
		distance, ok2 := batch.Column(1).(*array.Int16)
		time, ok3 := batch.Column(2).(*array.Float32)
		if ok1 && ok2 && ok3 {
			return Flights{delay.Int16Values(), distance.Int16Values(), time.Float32Values()}, nil
		}
	}
	return Flights{}, fmt.Errorf("want a batch of delay int16, distance int16, time float32; got %v", batch.Schema())
}

// hour is what is wanted of the flights that leave in one hour of the day.
type hour struct{ flights, delay int }

func (h hour) mean() float64 { return float64(h.delay) / float64(max(h.flights, 1)) }

// day is the hours of a day.
type day [24]hour

// byHour goes over the rows once. It does not know whose memory they are in.
func (f Flights) byHour() (hours day) {
	for i, time := range f.Time {
		h := &hours[int(time)%len(hours)]
		h.flights++
		h.delay += int(f.Delay[i])
	}
	return hours
}

func (d day) print(w io.Writer) {
	fmt.Fprintln(w, "  hour  flights  mean delay in minutes")
	for i, h := range d {
		fmt.Fprintf(w, "  %02d %10d %7.1f  %s\n", i, h.flights, h.mean(), strings.Repeat("*", max(0, int(h.mean()/3))))
	}
	fmt.Fprintln(w)
}
