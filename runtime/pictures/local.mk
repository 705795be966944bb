libinncore_la_SOURCES += \
    runtime/pictures/bicubic.c \
    runtime/pictures/calibration.c \
    runtime/pictures/calibration.h \
    runtime/pictures/calibration_folder.c \
    runtime/pictures/crop.c \
    runtime/pictures/crop.h \
    runtime/pictures/input_kind.c \
    runtime/pictures/input_kind.h \
    runtime/pictures/pairs.c \
    runtime/pictures/pairs.h \
    runtime/pictures/picture_net.c \
    runtime/pictures/picture_net.h \
    runtime/pictures/pictures.c \
    runtime/pictures/pictures.h \
    runtime/pictures/pictures_folder.c \
    runtime/pictures/planes.c \
    runtime/pictures/planes.h \
    runtime/pictures/prep.c \
    runtime/pictures/prep.h \
    runtime/pictures/presets.c \
    runtime/pictures/presets.h \
    runtime/pictures/quality.c \
    runtime/pictures/stored.c \
    runtime/pictures/stored.h \
    runtime/pictures/stored_feed.c \
    runtime/pictures/stored_text.c
