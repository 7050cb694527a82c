/*
 * paced-mount SOURCE MS MOUNTPOINT [FUSE options]: shows a folder, read only, at a fixed price for each getattr, readdir,
 * open and read, any number of them at once. Built with: pkg-config fuse3 --cflags --libs
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int source;
static unsigned price_us;

static const char *below(const char *path) { return path[1] ? path + 1 : "."; }

static void pay(void) { usleep(price_us); }

static int get_attributes(const char *path, struct stat *status, struct fuse_file_info *info) {
  (void)info;
  pay();
  return fstatat(source, below(path), status, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

static int read_folder(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *info,
                       enum fuse_readdir_flags flags) {
  (void)offset, (void)info, (void)flags;
  pay();
  int folder = openat(source, below(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *open = folder < 0 ? NULL : fdopendir(folder);
  if (!open) return -errno;
  for (struct dirent *each; (each = readdir(open));) {
    struct stat status = {.st_ino = each->d_ino, .st_mode = each->d_type << 12};
    fill(buffer, each->d_name, &status, 0, 0);
  }
  closedir(open);
  return 0;
}

static int open_file(const char *path, struct fuse_file_info *info) {
  pay();
  if ((info->flags & O_ACCMODE) != O_RDONLY) return -EROFS;
  int file = openat(source, below(path), O_RDONLY | O_CLOEXEC);
  if (file < 0) return -errno;
  info->fh = file;
  return 0;
}

static int read_file(const char *path, char *buffer, size_t size, off_t offset, struct fuse_file_info *info) {
  (void)path;
  pay();
  ssize_t got = pread(info->fh, buffer, size, offset);
  return got < 0 ? -errno : (int)got;
}

static int close_file(const char *path, struct fuse_file_info *info) {
  (void)path;
  return close(info->fh) ? -errno : 0;
}

static const struct fuse_operations operations = {.getattr = get_attributes,
                                                  .readdir = read_folder,
                                                  .open = open_file,
                                                  .read = read_file,
                                                  .release = close_file};

int main(int count, char **args) {
  if (count < 4) return 2;
  source = open(args[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (source < 0) return 1;
  price_us = atoi(args[2]) * 1000;
  args[2] = args[0];
  return fuse_main(count - 2, args + 2, &operations, NULL);
}
