// Package docs tests the documentation: every file shown is loaded, every
// command shown is run and its output compared, and every key, flag, command,
// metric and JSON key has its place in the reference. It has no code of its own.
//
// What a document shows is marked by comments that a reader does not see:
//
//	<!-- folder -->            an empty folder for what follows (a document begins with one)
//	<!-- file: PATH -->        the next block is this file of the folder
//	<!-- hidden file: PATH     this comment, to its end, is a file that need not be shown
//	<!-- job: NAME -->         the next block's command goes on in the background
//	<!-- log: NAME -->         that command has printed, or prints soon, what the next block shows
//	<!-- stop: NAME -->        Ctrl-C for that command
//	<!-- soon -->              each command of the next block is repeated until it prints this
//	<!-- exit: N -->           the last command of the next block ends with this code (else 0)
//	<!-- as: COMMAND -->       what is run in place of the next block's command
//	<!-- not run: REASON -->   the next block is for the eye
//
// In output shown, "…" stands for any text in a line, and alone in a line for
// any lines. Ports are replaced by free ones. Blanks are compared as one.
package docs
