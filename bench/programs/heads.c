/* heads FOLDER...: opens each file below, asks for its size, reads the first 4 KiB, closes it; what any index has to do. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static long files, bytes;

static void head(int folder, const char *name) {
  char buffer[4096];
  struct stat status;
  int file = openat(folder, name, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  if (!fstat(file, &status)) {
    ssize_t got = read(file, buffer, sizeof buffer);
    if (got > 0) bytes += got;
    files++;
  }
  close(file);
}

static void walk(int folder) {
  DIR *open = fdopendir(folder);
  if (!open) return;
  for (struct dirent *each; (each = readdir(open));) {
    if (each->d_name[0] == '.') continue;
    if (each->d_type == DT_DIR) {
      int below = openat(folder, each->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (below >= 0) walk(below);
    } else if (each->d_type == DT_REG) {
      head(folder, each->d_name);
    }
  }
  closedir(open);
}

int main(int count, char **args) {
  for (int i = 1; i < count; i++) {
    int folder = open(args[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return 1;
    walk(folder);
  }
  printf("%ld files, %ld bytes\n", files, bytes);
  return 0;
}
