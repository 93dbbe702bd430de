# How each product is built:
#   make DEPS=FOLDER PREFIX=FOLDER PLATFORM=NAME install
# DEPS has one folder for each product that this one is built against, PREFIX becomes the package.
# No date, no path and no line number gets into what is made: the same code makes the same bytes.
# A product's Makefile says NAME, and NEEDS (what it is linked with), and ABI (a library's major version) or
# PROGRAM.

DEPS ?= deps
PREFIX ?= install
PLATFORM ?= any

CFLAGS = -std=c11 -O2 -fPIC -Wall -Wextra -Werror -ffile-prefix-map=$(CURDIR)=. $(TARGET)
INCLUDES = $(patsubst %,-I%,$(wildcard $(DEPS)/*/include))
FOLDERS = $(wildcard $(DEPS)/*/lib)
LIBRARIES = $(patsubst %,-L%,$(FOLDERS)) $(patsubst %,-Wl$(comma)-rpath-link$(comma)%,$(FOLDERS)) \
	$(patsubst %,-l%,$(NEEDS)) -lm
comma = ,

# A platform's variant is a level of the processor.
TARGET_linux-x86_64-v1 = -march=x86-64
TARGET_linux-x86_64-v2 = -march=x86-64-v2
TARGET_linux-x86_64-v3 = -march=x86-64-v3
TARGET_linux-aarch64-v8.0 = -march=armv8-a
TARGET_linux-aarch64-v8.1 = -march=armv8.1-a
TARGET_linux-aarch64-v8.2 = -march=armv8.2-a
TARGET = $(TARGET_$(PLATFORM))

.PHONY: install
ifdef PROGRAM
install:
	install -d $(PREFIX)/bin
	gcc $(CFLAGS) $(INCLUDES) -o $(PREFIX)/bin/$(PROGRAM) $(PROGRAM).c $(LIBRARIES)
else
install:
	install -d $(PREFIX)/include $(PREFIX)/lib
	install -m 644 $(NAME).h $(PREFIX)/include
	gcc $(CFLAGS) $(INCLUDES) -shared -Wl,-soname,lib$(NAME).so.$(ABI) \
		-o $(PREFIX)/lib/lib$(NAME).so.$(ABI) $(NAME).c $(LIBRARIES)
	ln -s lib$(NAME).so.$(ABI) $(PREFIX)/lib/lib$(NAME).so
endif
