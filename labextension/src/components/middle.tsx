/**
 * A text that is cut in its middle where there is no room, since ends tell names and versions apart.
 *
 * A style sheet can cut the first part of a text, but leaves a gap behind the dots, of up to a letter. So the letters that
 * fit are counted, where the browser has laid them out.
 */
import React from 'react';

interface IProps {
  text: string;
  /** Letters at the end that are never cut; a few more where a word would be cut in two. */
  tail: number;
  className?: string;
  /** Letters for which there is room in any case. */
  least?: number;
  /** Its tooltip: by default the text. Empty for that of what it is in. */
  title?: string;
}

export function Middle(props: IProps): JSX.Element {
  const { text, tail, className, least = 0, title = text } = props;
  const box = React.useRef<HTMLSpanElement>(null);
  React.useLayoutEffect(() => {
    const node = box.current;
    const letters = node?.firstElementChild?.firstChild;
    if (!node || !(letters instanceof Text)) {
      return;
    }
    const observer = new ResizeObserver(([entry]) => {
      const room = entry?.contentRect.width;
      if (room) {
        fill(letters, text, tail, room);
      }
    });
    observer.observe(node);
    return () => observer.disconnect();
  }, [text, tail]);
  return (
    <span
      ref={box}
      className={`jp-ModelSync-middle ${className ?? ''}`}
      style={{ minWidth: `min(100%, ${Math.min(least, text.length)}ch)` }}
      title={title || undefined}
      data-ms-text={text}
    >
      <span>{text}</span>
    </span>
  );
}

/** Write a text, or as much of it as there is room for. */
function fill(letters: Text, text: string, tail: number, room: number): void {
  letters.data = text;
  const range = document.createRange();
  const widthOf = (from: number, to: number): number => {
    range.setStart(letters, from);
    range.setEnd(letters, to);
    return range.getBoundingClientRect().width;
  };
  if (widthOf(0, text.length) > room + 0.5 && letters.parentElement) {
    const dots = widthOfDots(letters.parentElement);
    letters.data = cutMiddle(text, tail, room - dots, widthOf);
  }
}

/**
 * Cut a text in its middle.
 *
 * @param tail Letters at the end to keep: a few more where a word would be cut in two. The beginning is cut first.
 * @param room For letters, without the dots.
 * @param widthOf The width of the letters between two positions, in the unit of `room`.
 */
export function cutMiddle(
  text: string,
  tail: number,
  room: number,
  widthOf: (from: number, to: number) => number
): string {
  const short = text.length - tail <= 4;
  const word =
    text.slice(0, text.length - tail).search(/[-_.][^-_.]{1,6}$/) + 1;
  let end = short ? text.length : word > 4 ? word : text.length - tail;
  while (end < text.length - 1 && widthOf(end, text.length) > room) {
    end++;
  }
  const left = room - widthOf(end, text.length);
  let start = 0;
  while (start < end && widthOf(0, start + 1) <= left) {
    start++;
  }
  return `${text.slice(0, start)}…${text.slice(end)}`;
}

const dots = new Map<string, number>();

/** The width of three dots in the font of a node. */
function widthOfDots(node: Element): number {
  const { fontStyle, fontWeight, fontSize, fontFamily } =
    getComputedStyle(node);
  const font = `${fontStyle} ${fontWeight} ${fontSize} ${fontFamily}`;
  let width = dots.get(font);
  if (width === undefined) {
    const pen = document.createElement('canvas').getContext('2d');
    if (pen) {
      pen.font = font;
    }
    width = pen?.measureText('…').width ?? parseFloat(fontSize);
    dots.set(font, width);
  }
  return width;
}
