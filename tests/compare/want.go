package main

// wantSum is the sum of x, y and z of n rows, by what the table is made of: x counts to 1000, y to 7 and z to 3, over and over.
func wantSum(n int) float64 {
	return float64(sumOfCounts(n, 1000) + sumOfCounts(n, 7) + sumOfCounts(n, 3))
}

// sumOfCounts is the sum of i%m for all i below n.
func sumOfCounts(n, m int) int {
	whole, rest := n/m, n%m
	return whole*m*(m-1)/2 + rest*(rest-1)/2
}
