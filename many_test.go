package c2_test

// Many has one method more than an interface made at run time can.
type Many interface {
	M000() (int, error)
	M001() (int, error)
	M002() (int, error)
	M003() (int, error)
	M004() (int, error)
	M005() (int, error)
	M006() (int, error)
	M007() (int, error)
	M008() (int, error)
	M009() (int, error)
	M010() (int, error)
	M011() (int, error)
	M012() (int, error)
	M013() (int, error)
	M014() (int, error)
	M015() (int, error)
	M016() (int, error)
	M017() (int, error)
	M018() (int, error)
	M019() (int, error)
	M020() (int, error)
	M021() (int, error)
	M022() (int, error)
	M023() (int, error)
	M024() (int, error)
	M025() (int, error)
	M026() (int, error)
	M027() (int, error)
	M028() (int, error)
	M029() (int, error)
	M030() (int, error)
	M031() (int, error)
	M032() (int, error)
	M033() (int, error)
	M034() (int, error)
	M035() (int, error)
	M036() (int, error)
	M037() (int, error)
	M038() (int, error)
	M039() (int, error)
	M040() (int, error)
	M041() (int, error)
	M042() (int, error)
	M043() (int, error)
	M044() (int, error)
	M045() (int, error)
	M046() (int, error)
	M047() (int, error)
	M048() (int, error)
	M049() (int, error)
	M050() (int, error)
	M051() (int, error)
	M052() (int, error)
	M053() (int, error)
	M054() (int, error)
	M055() (int, error)
	M056() (int, error)
	M057() (int, error)
	M058() (int, error)
	M059() (int, error)
	M060() (int, error)
	M061() (int, error)
	M062() (int, error)
	M063() (int, error)
	M064() (int, error)
	M065() (int, error)
	M066() (int, error)
	M067() (int, error)
	M068() (int, error)
	M069() (int, error)
	M070() (int, error)
	M071() (int, error)
	M072() (int, error)
	M073() (int, error)
	M074() (int, error)
	M075() (int, error)
	M076() (int, error)
	M077() (int, error)
	M078() (int, error)
	M079() (int, error)
	M080() (int, error)
	M081() (int, error)
	M082() (int, error)
	M083() (int, error)
	M084() (int, error)
	M085() (int, error)
	M086() (int, error)
	M087() (int, error)
	M088() (int, error)
	M089() (int, error)
	M090() (int, error)
	M091() (int, error)
	M092() (int, error)
	M093() (int, error)
	M094() (int, error)
	M095() (int, error)
	M096() (int, error)
	M097() (int, error)
	M098() (int, error)
	M099() (int, error)
	M100() (int, error)
	M101() (int, error)
	M102() (int, error)
	M103() (int, error)
	M104() (int, error)
	M105() (int, error)
	M106() (int, error)
	M107() (int, error)
	M108() (int, error)
	M109() (int, error)
	M110() (int, error)
	M111() (int, error)
	M112() (int, error)
	M113() (int, error)
	M114() (int, error)
	M115() (int, error)
	M116() (int, error)
	M117() (int, error)
	M118() (int, error)
	M119() (int, error)
	M120() (int, error)
	M121() (int, error)
	M122() (int, error)
	M123() (int, error)
	M124() (int, error)
	M125() (int, error)
	M126() (int, error)
	M127() (int, error)
	M128() (int, error)
}

type many struct{}

func (many) M000() (int, error) { return 0, nil }
func (many) M001() (int, error) { return 1, nil }
func (many) M002() (int, error) { return 2, nil }
func (many) M003() (int, error) { return 3, nil }
func (many) M004() (int, error) { return 4, nil }
func (many) M005() (int, error) { return 5, nil }
func (many) M006() (int, error) { return 6, nil }
func (many) M007() (int, error) { return 7, nil }
func (many) M008() (int, error) { return 8, nil }
func (many) M009() (int, error) { return 9, nil }
func (many) M010() (int, error) { return 10, nil }
func (many) M011() (int, error) { return 11, nil }
func (many) M012() (int, error) { return 12, nil }
func (many) M013() (int, error) { return 13, nil }
func (many) M014() (int, error) { return 14, nil }
func (many) M015() (int, error) { return 15, nil }
func (many) M016() (int, error) { return 16, nil }
func (many) M017() (int, error) { return 17, nil }
func (many) M018() (int, error) { return 18, nil }
func (many) M019() (int, error) { return 19, nil }
func (many) M020() (int, error) { return 20, nil }
func (many) M021() (int, error) { return 21, nil }
func (many) M022() (int, error) { return 22, nil }
func (many) M023() (int, error) { return 23, nil }
func (many) M024() (int, error) { return 24, nil }
func (many) M025() (int, error) { return 25, nil }
func (many) M026() (int, error) { return 26, nil }
func (many) M027() (int, error) { return 27, nil }
func (many) M028() (int, error) { return 28, nil }
func (many) M029() (int, error) { return 29, nil }
func (many) M030() (int, error) { return 30, nil }
func (many) M031() (int, error) { return 31, nil }
func (many) M032() (int, error) { return 32, nil }
func (many) M033() (int, error) { return 33, nil }
func (many) M034() (int, error) { return 34, nil }
func (many) M035() (int, error) { return 35, nil }
func (many) M036() (int, error) { return 36, nil }
func (many) M037() (int, error) { return 37, nil }
func (many) M038() (int, error) { return 38, nil }
func (many) M039() (int, error) { return 39, nil }
func (many) M040() (int, error) { return 40, nil }
func (many) M041() (int, error) { return 41, nil }
func (many) M042() (int, error) { return 42, nil }
func (many) M043() (int, error) { return 43, nil }
func (many) M044() (int, error) { return 44, nil }
func (many) M045() (int, error) { return 45, nil }
func (many) M046() (int, error) { return 46, nil }
func (many) M047() (int, error) { return 47, nil }
func (many) M048() (int, error) { return 48, nil }
func (many) M049() (int, error) { return 49, nil }
func (many) M050() (int, error) { return 50, nil }
func (many) M051() (int, error) { return 51, nil }
func (many) M052() (int, error) { return 52, nil }
func (many) M053() (int, error) { return 53, nil }
func (many) M054() (int, error) { return 54, nil }
func (many) M055() (int, error) { return 55, nil }
func (many) M056() (int, error) { return 56, nil }
func (many) M057() (int, error) { return 57, nil }
func (many) M058() (int, error) { return 58, nil }
func (many) M059() (int, error) { return 59, nil }
func (many) M060() (int, error) { return 60, nil }
func (many) M061() (int, error) { return 61, nil }
func (many) M062() (int, error) { return 62, nil }
func (many) M063() (int, error) { return 63, nil }
func (many) M064() (int, error) { return 64, nil }
func (many) M065() (int, error) { return 65, nil }
func (many) M066() (int, error) { return 66, nil }
func (many) M067() (int, error) { return 67, nil }
func (many) M068() (int, error) { return 68, nil }
func (many) M069() (int, error) { return 69, nil }
func (many) M070() (int, error) { return 70, nil }
func (many) M071() (int, error) { return 71, nil }
func (many) M072() (int, error) { return 72, nil }
func (many) M073() (int, error) { return 73, nil }
func (many) M074() (int, error) { return 74, nil }
func (many) M075() (int, error) { return 75, nil }
func (many) M076() (int, error) { return 76, nil }
func (many) M077() (int, error) { return 77, nil }
func (many) M078() (int, error) { return 78, nil }
func (many) M079() (int, error) { return 79, nil }
func (many) M080() (int, error) { return 80, nil }
func (many) M081() (int, error) { return 81, nil }
func (many) M082() (int, error) { return 82, nil }
func (many) M083() (int, error) { return 83, nil }
func (many) M084() (int, error) { return 84, nil }
func (many) M085() (int, error) { return 85, nil }
func (many) M086() (int, error) { return 86, nil }
func (many) M087() (int, error) { return 87, nil }
func (many) M088() (int, error) { return 88, nil }
func (many) M089() (int, error) { return 89, nil }
func (many) M090() (int, error) { return 90, nil }
func (many) M091() (int, error) { return 91, nil }
func (many) M092() (int, error) { return 92, nil }
func (many) M093() (int, error) { return 93, nil }
func (many) M094() (int, error) { return 94, nil }
func (many) M095() (int, error) { return 95, nil }
func (many) M096() (int, error) { return 96, nil }
func (many) M097() (int, error) { return 97, nil }
func (many) M098() (int, error) { return 98, nil }
func (many) M099() (int, error) { return 99, nil }
func (many) M100() (int, error) { return 100, nil }
func (many) M101() (int, error) { return 101, nil }
func (many) M102() (int, error) { return 102, nil }
func (many) M103() (int, error) { return 103, nil }
func (many) M104() (int, error) { return 104, nil }
func (many) M105() (int, error) { return 105, nil }
func (many) M106() (int, error) { return 106, nil }
func (many) M107() (int, error) { return 107, nil }
func (many) M108() (int, error) { return 108, nil }
func (many) M109() (int, error) { return 109, nil }
func (many) M110() (int, error) { return 110, nil }
func (many) M111() (int, error) { return 111, nil }
func (many) M112() (int, error) { return 112, nil }
func (many) M113() (int, error) { return 113, nil }
func (many) M114() (int, error) { return 114, nil }
func (many) M115() (int, error) { return 115, nil }
func (many) M116() (int, error) { return 116, nil }
func (many) M117() (int, error) { return 117, nil }
func (many) M118() (int, error) { return 118, nil }
func (many) M119() (int, error) { return 119, nil }
func (many) M120() (int, error) { return 120, nil }
func (many) M121() (int, error) { return 121, nil }
func (many) M122() (int, error) { return 122, nil }
func (many) M123() (int, error) { return 123, nil }
func (many) M124() (int, error) { return 124, nil }
func (many) M125() (int, error) { return 125, nil }
func (many) M126() (int, error) { return 126, nil }
func (many) M127() (int, error) { return 127, nil }
func (many) M128() (int, error) { return 128, nil }
