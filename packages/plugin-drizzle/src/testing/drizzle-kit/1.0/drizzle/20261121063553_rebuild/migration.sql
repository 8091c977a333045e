PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_users` (
	`id` integer PRIMARY KEY,
	`title` text NOT NULL,
	`mail` text
);
--> statement-breakpoint
INSERT INTO `__new_users`(`id`, `title`, `mail`) SELECT `id`, `title`, `mail` FROM `users`;--> statement-breakpoint
DROP TABLE `users`;--> statement-breakpoint
ALTER TABLE `__new_users` RENAME TO `users`;--> statement-breakpoint
PRAGMA foreign_keys=ON;