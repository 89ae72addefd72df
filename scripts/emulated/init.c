// The first process of the emulated machine: makes the folders that programs expect, runs the command in /command (its
// arguments, each ended by a zero byte), writes the command's exit status to the serial port, and turns the machine off
// through the port that Bochs keeps for this.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static char text[1 << 16];
static char *arguments[1 << 12];
static char *environment[] = {"HOME=/root", "PATH=/bin", "NODE_OPTIONS=", NULL};

static void turn_off(void) {
  iopl(3);
  for (const char *letter = "Shutdown"; *letter; letter++) outb(*letter, 0x8900);
  for (;;) pause();
}

int main(void) {
  mkdir("/proc", 0755), mount("none", "/proc", "proc", 0, NULL);
  mkdir("/sys", 0755), mount("none", "/sys", "sysfs", 0, NULL);
  mkdir("/dev", 0755), mount("none", "/dev", "devtmpfs", 0, NULL);
  mkdir("/dev/shm", 0755), mount("none", "/dev/shm", "tmpfs", 0, NULL);
  mkdir("/tmp", 0777), mkdir("/root", 0755);
  int serial = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
  struct termios raw;
  tcgetattr(serial, &raw);
  cfmakeraw(&raw);
  tcsetattr(serial, TCSANOW, &raw);

  int file = open("/command", O_RDONLY);
  ssize_t length = read(file, text, sizeof text - 1);
  int count = 0;
  for (ssize_t at = 0; at < length; at += strlen(text + at) + 1) arguments[count++] = text + at;
  int status = 127 << 8;
  if (count > 0 && serial >= 0) {
    pid_t child = fork();
    if (child == 0) {
      int nothing = open("/dev/null", O_RDONLY);
      dup2(nothing, 0), dup2(serial, 1), dup2(serial, 2);
      chdir("/project");
      execve(arguments[0], arguments, environment);
      perror(arguments[0]);
      _exit(127);
    }
    waitpid(child, &status, 0);
  }
  dprintf(serial, "\n\001ended %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  tcdrain(serial);
  turn_off();
}
