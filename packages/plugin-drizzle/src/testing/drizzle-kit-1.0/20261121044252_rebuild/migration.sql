PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_users` (
	`id` integer PRIMARY KEY,
	`name` text NOT NULL,
	`mail` text UNIQUE
);
--> statement-breakpoint
INSERT INTO `__new_users`(`id`, `name`, `mail`) SELECT `id`, `name`, `mail` FROM `users`;--> statement-breakpoint
DROP TABLE `users`;--> statement-breakpoint
ALTER TABLE `__new_users` RENAME TO `users`;--> statement-breakpoint
PRAGMA foreign_keys=ON;