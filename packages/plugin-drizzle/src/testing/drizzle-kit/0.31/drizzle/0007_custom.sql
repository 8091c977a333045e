-- Custom SQL migration file, put your code below! --
UPDATE users SET mail = lower(mail);
