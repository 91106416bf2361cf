"""The names by which fields are known, in English and Chinese, the best one first."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "name": """
            name 名称 建筑名称 建筑物名称 楼名 楼栋名称 道路名称 路名 项目名称 区县名称
            地块名称 names building_name bldg_name road_name street_name""",
        "parent_id": "parent_id parent 父编号 父id 上级编号 所属建筑",
        "status": "status 状态 现状 建设状态 规划状态 lifecycle_status building_status",
        "function": """
            function building_function 用途 建筑用途 房屋用途 功能 建筑功能 用地性质
            土地用途 规划用途 use usage building_use land_use landuse building_type
            bldg_type buildingtype building""",
        "height": """
            height building_height bldg_height buildingheight 高度 建筑高 建筑高度 楼高
            房屋高度 height_m bldgheight measuredheight measured_height render_height hgt""",
        "ground_height": """
            ground_height 地面高 地面高程 地面标高 室外地坪标高 base_height ground_elevation
            ground_elev base_elevation base_elev ground h_maaiveld b3_h_maaiveld""",
        "storeys_above_ground": """
            storeys_above_ground 层数 地上层数 楼层数 建筑层数 总层数 楼层 num_floors levels
            building:levels building_levels storeys stories floors floor_count numfloors
            nfloors""",
        "storeys_below_ground": """
            storeys_below_ground 地下层数 num_floors_underground basement_levels
            building:levels:underground""",
        "lod": "lod",
        "valid_from": """
            valid_from 建成年 建成年份 建成年代 建成时间 竣工年份 竣工日期 竣工时间 建造年份
            建设年代 start_date year_built yearbuilt built_year year_of_construction
            construction_year bouwjaar oorspronkelijkbouwjaar""",
        "valid_to": "valid_to 拆除年份 拆除日期 拆除时间 end_date demolition_date",
        "access": "access access_level 密级 涉密等级 公开级别 classification_level",
    }
)
"""Column of `schema.OBJECT_COLUMNS` → names of fields that mean it."""

NETWORK_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "network": "network 管线类型 管线种类 管类 管线类别",
        "start_node": """
            start_node start_node_name from_node node1 起点 起点点号 起始点号 起点编号
            us_node""",
        "end_node": """
            end_node end_node_name to_node node2 终点 终点点号 终止点号 终点编号 连接点号
            ds_node""",
        "node_id": "node_id nodeid 管点编号 物探点号 点号 节点编号",
    }
)
"""Column of `schema.NODE_COLUMNS` or `EDGE_COLUMNS` → names of fields that mean it."""

ID_NAMES: Final = """
    object_id id uuid guid globalid gml_id gmlid 标识码 唯一标识码 唯一码 统一编码 编号 编码
    要素代码 osm_id osmid identificatie building_id bldg_id 管段编号 管线编号 管点编号
    物探点号 建筑编号 楼栋编号 地块编号 行政代码 bsm uid gid fid objectid ogc_fid code
    handle"""
"""Names of fields that may name each object."""

CLASS_NAMES: Final = "class cim_class citygml_class 要素类 对象类 类别"
"""Names of fields that may hold each object's class."""

LONGITUDES: Final = "lon longitude lng long 经度 x_wgs84 gps_lon point_x_lon"
LATITUDES: Final = "lat latitude 纬度 y_wgs84 gps_lat point_y_lat"
EASTINGS: Final = "x easting east x_coord xcoord coord_x point_x x坐标 东坐标 横坐标 rd_x poi_x"
NORTHINGS: Final = "y northing north y_coord ycoord coord_y point_y y坐标 北坐标 纵坐标 rd_y poi_y"
HEIGHTS: Final = "z z_coord coord_z point_z elevation elev altitude alt 高程 z坐标 海拔"
SHAPES: Final = "geometry wkt geom the_geom wkt_geometry shape 几何"
"""Names of the columns of a plain table that say where its rows are."""
