// Package chart draws what was measured as SVG: lines over sizes, and ranges from the middle to the slowest. All axes of
// values are logarithmic. It knows numbers and labels, and not what they are of.
package chart
