INSERT INTO `articles` (`slug`, `title`, `body`, `published_at`) VALUES
	('first-flush', 'Waiting for the first flush', 'The first tea of spring leaves Assam in March. We taste it in April, and most of what we taste goes back.', '2026-03-02 09:00:00'),
	('cave-eleven', 'Cave eleven', 'Cabrales ripens in limestone caves in the north of Spain. Ours comes from the eleventh, where the wind never rests.', '2026-04-13 09:00:00'),
	('star-of-anise', 'A star of eight points', 'Two plants share one scent. Why the syrup on our shelf is made from the smaller of them.', '2026-05-25 09:00:00');
