# One INTERFACE target carries the flags of every target of ours.
add_library(tapedeck_flags INTERFACE)
target_compile_definitions(tapedeck_flags INTERFACE _GNU_SOURCE)
target_compile_options(tapedeck_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wvla -Werror -fno-omit-frame-pointer -fno-strict-aliasing)
target_include_directories(tapedeck_flags INTERFACE ${PROJECT_SOURCE_DIR}/server)

if(TAPEDECK_SANITIZE)
  target_compile_options(tapedeck_flags INTERFACE -fsanitize=${TAPEDECK_SANITIZE}
    -fno-sanitize-recover=all)
  target_link_options(tapedeck_flags INTERFACE -fsanitize=${TAPEDECK_SANITIZE})
endif()
if(TAPEDECK_FUZZ)
  target_compile_options(tapedeck_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(TAPEDECK_COVERAGE)
  target_compile_options(tapedeck_flags INTERFACE --coverage)
  target_link_options(tapedeck_flags INTERFACE --coverage)
endif()

# Standing assertions of the C library and position-independent hardening in optimised builds.
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT TAPEDECK_SANITIZE)
  target_compile_options(tapedeck_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
    -fstack-protector-strong)
  target_link_options(tapedeck_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
