package directory

// Seats is how the seats of a licence stand.
type Seats struct {
	SKU       string `json:"sku"`
	Limited   bool   `json:"limited"`
	Purchased int64  `json:"purchased"`
	Used      int64  `json:"used"`
	Reserved  int64  `json:"reserved"` // and not taken yet
	Free      int64  `json:"free"`
	// Externals tells that external people take seats of this licence as well.
	Externals bool `json:"-"`
}

// SeatText is the text of S2-18.
const SeatText = "You are trying to activate more users than the allowed license limit of '%d' users"
