CREATE TABLE `posts` (
	`id` integer PRIMARY KEY,
	`author` integer,
	CONSTRAINT `fk_posts_author_users_id_fk` FOREIGN KEY (`author`) REFERENCES `users`(`id`)
);
