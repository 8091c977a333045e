CREATE TABLE `posts` (
	`id` integer PRIMARY KEY NOT NULL,
	`author` integer
);
--> statement-breakpoint
CREATE TABLE `users` (
	`id` integer PRIMARY KEY NOT NULL,
	`name` text,
	`mail` text
);
