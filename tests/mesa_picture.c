// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mesa_picture CARD FILE: what a program that draws with OpenGL ES does on a DRM
 * device without a window system: a GBM device and surface, EGL, a few frames of a lit
 * cube over a chequered floor, each shown by a page flip. The last frame, as
 * glReadPixels has it, is written to FILE (PPM); it stays on the screen until a line of
 * standard input. The same Mesa draws the same picture each time.
 */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES2/gl2.h>
#include <drm.h>
#include <drm_mode.h>
#include <gbm.h>

#include "screen.h"

#define N_FRAMES 4

static const char vertex_source[] =
	"attribute vec3 position, normal;\n"
	"uniform mat4 view;\n"
	"varying vec3 at, facing;\n"
	"void main() {\n"
	"	at = position;\n"
	"	facing = normal;\n"
	"	gl_Position = view * vec4(position, 1.0);\n"
	"}\n";

/* The floor has no normal. */
static const char fragment_source[] =
	"precision mediump float;\n"
	"uniform sampler2D board;\n"
	"varying vec3 at, facing;\n"
	"void main() {\n"
	"	if (dot(facing, facing) == 0.0) {\n"
	"		gl_FragColor = vec4(texture2D(board, at.xy * 0.25).rgb, 1.0);\n"
	"		return;\n"
	"	}\n"
	"	float light = 0.3 + 0.7 * max(0.0, dot(facing, vec3(0.48, 0.36, 0.8)));\n"
	"	gl_FragColor = vec4((at * 0.5 + 0.5) * light, 1.0);\n"
	"}\n";

struct drawing {
	struct gbm_device *gbm;
	struct gbm_surface *surface;
	EGLDisplay display;
	EGLSurface window;
	GLuint program;
};

static void gl_fail(const char *what)
{
	fprintf(stderr, "%s: EGL error 0x%x\n", what, eglGetError());
	exit(EXIT_FAILURE);
}

/* EGL chooses by the sizes of the colours; of those only this kind can be shown. */
static EGLConfig config_find(EGLDisplay display)
{
	static const EGLint wanted[] = {
		EGL_SURFACE_TYPE, EGL_WINDOW_BIT, EGL_RENDERABLE_TYPE, EGL_OPENGL_ES2_BIT,
		EGL_RED_SIZE, 8, EGL_GREEN_SIZE, 8, EGL_BLUE_SIZE, 8, EGL_DEPTH_SIZE, 16, EGL_NONE,
	};
	EGLConfig configs[64];
	EGLint n = 0, visual;

	eglChooseConfig(display, wanted, configs, 64, &n);
	for (EGLint i = 0; i < n; i++)
		if (eglGetConfigAttrib(display, configs[i], EGL_NATIVE_VISUAL_ID, &visual) &&
		    visual == (EGLint)GBM_FORMAT_XRGB8888)
			return configs[i];
	gl_fail("a configuration of XRGB8888");
	return NULL;
}

static void drawing_open(struct drawing *drawing, int fd)
{
	static const EGLint version[] = { EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE };
	EGLContext context;
	EGLConfig config;

	drawing->gbm = gbm_create_device(fd);
	if (!drawing->gbm)
		screen_fail("gbm_create_device");
	drawing->display = eglGetPlatformDisplay(EGL_PLATFORM_GBM_KHR, drawing->gbm, NULL);
	if (drawing->display == EGL_NO_DISPLAY || !eglInitialize(drawing->display, NULL, NULL))
		gl_fail("eglInitialize");
	eglBindAPI(EGL_OPENGL_ES_API);
	config = config_find(drawing->display);
	drawing->surface = gbm_surface_create(drawing->gbm, SCREEN_WIDTH, SCREEN_HEIGHT, GBM_FORMAT_XRGB8888,
					      GBM_BO_USE_SCANOUT | GBM_BO_USE_RENDERING);
	if (!drawing->surface)
		screen_fail("gbm_surface_create");
	context = eglCreateContext(drawing->display, config, EGL_NO_CONTEXT, version);
	drawing->window = eglCreatePlatformWindowSurface(drawing->display, config, drawing->surface, NULL);
	if (context == EGL_NO_CONTEXT || drawing->window == EGL_NO_SURFACE ||
	    !eglMakeCurrent(drawing->display, drawing->window, drawing->window, context))
		gl_fail("eglMakeCurrent");
	printf("%s, %s\n", glGetString(GL_RENDERER), glGetString(GL_VERSION));
}

static GLuint shader_make(GLenum type, const char *source)
{
	GLuint shader = glCreateShader(type);
	char log[512] = "";
	GLint good = 0;

	glShaderSource(shader, 1, &source, NULL);
	glCompileShader(shader);
	glGetShaderiv(shader, GL_COMPILE_STATUS, &good);
	if (!good) {
		glGetShaderInfoLog(shader, sizeof(log), NULL, log);
		fprintf(stderr, "shader: %s\n", log);
		exit(EXIT_FAILURE);
	}
	return shader;
}

static void program_make(struct drawing *drawing)
{
	GLint good = 0;

	drawing->program = glCreateProgram();
	glAttachShader(drawing->program, shader_make(GL_VERTEX_SHADER, vertex_source));
	glAttachShader(drawing->program, shader_make(GL_FRAGMENT_SHADER, fragment_source));
	glBindAttribLocation(drawing->program, 0, "position");
	glBindAttribLocation(drawing->program, 1, "normal");
	glLinkProgram(drawing->program);
	glGetProgramiv(drawing->program, GL_LINK_STATUS, &good);
	if (!good)
		gl_fail("glLinkProgram");
	glUseProgram(drawing->program);
	glEnable(GL_DEPTH_TEST);
}

static void board_make(void)
{
	static uint8_t board[64][64][3];

	for (int y = 0; y < 64; y++)
		for (int x = 0; x < 64; x++)
			memset(board[y][x], ((x ^ y) & 32) ? 210 : 40 + x, 3);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_RGB, 64, 64, 0, GL_RGB, GL_UNSIGNED_BYTE, board);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
}

/* Turned about the vertical, tilted, and in perspective (column-major). */
static void view_set(const struct drawing *drawing, float turn)
{
	float s = sinf(turn), c = cosf(turn), tilt_s = 0.8f, tilt_c = 0.6f;
	float near = 2, far = 12, away = 6;
	float x = near * SCREEN_HEIGHT / SCREEN_WIDTH, y = near;
	float zz = -(far + near) / (far - near), zw = -2 * far * near / (far - near);
	/* rows of the rotation: across, up, towards the eye */
	float view[16] = {
		x * c, y * s * tilt_c, zz * -s * tilt_s, s * tilt_s,
		x * -s, y * c * tilt_c, zz * -c * tilt_s, c * tilt_s,
		0, y * tilt_s, zz * tilt_c, -tilt_c,
		0, 0, zz * -away + zw, away,
	};

	glUniformMatrix4fv(glGetUniformLocation(drawing->program, "view"), 1, GL_FALSE, view);
}

static void quad_draw(const float corners[4][3], const float normal[3])
{
	glVertexAttribPointer(0, 3, GL_FLOAT, GL_FALSE, 0, corners);
	glEnableVertexAttribArray(0);
	glVertexAttrib3fv(1, normal);
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
}

static void cube_draw(void)
{
	for (int axis = 0; axis < 3; axis++) {
		for (int side = -1; side <= 1; side += 2) {
			float corners[4][3], normal[3] = { 0 };

			normal[axis] = side;
			for (int i = 0; i < 4; i++) {
				corners[i][axis] = side;
				corners[i][(axis + 1) % 3] = i & 1 ? 1 : -1;
				corners[i][(axis + 2) % 3] = i & 2 ? 1 : -1;
			}
			quad_draw(corners, normal);
		}
	}
}

static void frame_draw(const struct drawing *drawing, int number)
{
	static const float floor_corners[4][3] = { { -3, -3, -1 }, { 3, -3, -1 }, { -3, 3, -1 }, { 3, 3, -1 } };
	static const float no_normal[3];

	glClearColor(0.1f, 0.2f, 0.4f, 1);
	glClear(GL_COLOR_BUFFER_BIT | GL_DEPTH_BUFFER_BIT);
	view_set(drawing, 0.4f + 0.3f * number);
	quad_draw(floor_corners, no_normal);
	cube_draw();
}

/* What GL has drawn, from the top on and as the screen has it. */
static void picture_write(const char *path)
{
	static uint32_t drawn[SCREEN_HEIGHT][SCREEN_WIDTH], picture[SCREEN_HEIGHT][SCREEN_WIDTH];

	glReadPixels(0, 0, SCREEN_WIDTH, SCREEN_HEIGHT, GL_RGBA, GL_UNSIGNED_BYTE, drawn);
	for (int y = 0; y < SCREEN_HEIGHT; y++) {
		for (int x = 0; x < SCREEN_WIDTH; x++) {
			const uint8_t *rgb = (const uint8_t *)&drawn[SCREEN_HEIGHT - 1 - y][x];

			picture[y][x] = rgb[0] << 16 | rgb[1] << 8 | rgb[2];
		}
	}
	screen_write(path, picture, sizeof(picture[0]));
}

int main(int argc, char **argv)
{
	struct gbm_bo *shown = NULL, *next;
	struct drawing drawing;
	struct screen screen;

	if (argc != 3)
		return 77;
	setvbuf(stdout, NULL, _IOLBF, 0);
	screen_open(&screen, argv[1]);
	drawing_open(&drawing, screen.fd);
	program_make(&drawing);
	board_make();
	for (int i = 0; i < N_FRAMES; i++) {
		frame_draw(&drawing, i);
		if (i == N_FRAMES - 1)
			picture_write(argv[2]);
		if (!eglSwapBuffers(drawing.display, drawing.window))
			gl_fail("eglSwapBuffers");
		next = gbm_surface_lock_front_buffer(drawing.surface);
		if (!next)
			screen_fail("gbm_surface_lock_front_buffer");
		screen_show(&screen, gbm_bo_get_handle(next).u32, gbm_bo_get_stride(next));
		if (shown)
			gbm_surface_release_buffer(drawing.surface, shown);
		shown = next;
	}
	screen_hold();
	return EXIT_SUCCESS;
}
