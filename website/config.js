// Where reviews are sent. For an address on another origin, add that origin to connect-src in
// index.html too, and let that server allow this page (CORS).
export const API = "/predict";
