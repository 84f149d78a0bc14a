package child

// IsFree is for tests.
var IsFree = isFree
