INSERT INTO `products` (`sku`, `name`, `size`, `price_cents`) VALUES
	('TEA-20', 'Chai', '20 bags', 450),
	('TEA-80', 'Chai', '80 bags', 1490),
	('SYR-01', 'Aniseed Syrup', '0.5 l', 990),
	('CHE-05', 'Queso Cabrales', '500 g', 2100);
