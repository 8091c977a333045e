CREATE TABLE `posts` (
	`id` integer PRIMARY KEY,
	`author` integer
);
--> statement-breakpoint
CREATE TABLE `users` (
	`id` integer PRIMARY KEY,
	`name` text,
	`mail` text
);
