"""The page behind the QR code, and the start page that lists the products."""
