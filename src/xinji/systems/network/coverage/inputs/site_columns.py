"""What columns and words a ledger of sectors may use, and the limits of its numbers."""

from __future__ import annotations

from xinji.store.tables.columns import Heading

# field: units that may stand in brackets (`-`: none need stand), names of the column
_HEADINGS = {
    "station_id": (
        "-",
        "基站编号 站点编号 站址编号 站址编码 站号 基站id 基站标识 siteid stationid gnodebid gnbid",
    ),
    "name": ("-", "基站名称 站点名称 站址名称 站名 名称 name sitename stationname"),
    "sector_id": ("-", "扇区编号 小区编号 小区标识 扇区id 小区id cgi ncgi sectorid cellid"),
    "operator": ("-", "运营商 运营企业 归属运营商 operator"),
    "type": ("-", "类型 站型 基站类型 站点类型 覆盖类型 type sitetype stationtype"),
    "longitude": ("- deg 度", "经度 longitude lon lng"),
    "latitude": ("- deg 度", "纬度 latitude lat"),
    "height_m": (
        "- m 米",
        "挂高 天线挂高 天线高度 站高 height antennaheight heightm antennaheightm",
    ),
    "azimuth_deg": ("- deg 度", "方位角 方向角 天线方位角 azimuth azimuthdeg"),
    "tilt_deg": ("- deg 度", "下倾角 总下倾角 tilt downtilt totaltilt tiltdeg"),
    "mechanical_tilt_deg": ("- deg 度", "机械下倾角 机械倾角 mechanicaltilt mechanicaltiltdeg"),
    "electrical_tilt_deg": (
        "- deg 度",
        "电子下倾角 电下倾角 电子倾角 electricaltilt electricaltiltdeg",
    ),
    "eirp_dbm": ("- dbm", "eirp eirpperre 单reeirp 每reeirp eirpdbm"),
    "power_w": ("w 瓦", "发射功率 功率 power transmitpower"),
    "power_dbm": ("dbm", "发射功率 功率 power transmitpower"),
    "power_without_unit": ("-", "发射功率 功率 power transmitpower"),
    "gain_dbi": ("- dbi", "天线增益 增益 gain antennagain gaindbi"),
    "bandwidth_mhz": ("- mhz", "带宽 系统带宽 载波带宽 bandwidth bandwidthmhz"),
    "subcarrier_khz": ("- khz", "子载波间隔 subcarrierspacing scs subcarrierkhz"),
    "frequency_ghz": ("ghz", "频率 中心频率 frequency"),
    "frequency_mhz": ("mhz", "频率 中心频率 frequency"),
    "frequency_without_unit": ("-", "频率 中心频率 frequency"),
    "nr_arfcn": ("-", "频点 频点号 中心频点 nrarfcn arfcn"),
    "pci": ("-", "pci 物理小区标识 物理小区id"),
    "in_service_since": (
        "-",
        "入网日期 入网时间 开通日期 开通时间 inservicesince commissioningdate commissioned",
    ),
    "mounted_on": ("-", "楼宇编号 建筑编号 杆编号 杆件编号 综合杆编号 buildingid poleid mountedon"),
}
FIELDS = {
    Heading(name, unit.strip("-")): field
    for field, (units, names) in _HEADINGS.items()
    for unit in units.split()
    for name in names.split()
} | {
    # with the unit behind the name
    Heading("powerw", ""): "power_w",
    Heading("powerdbm", ""): "power_dbm",
    Heading("frequencyghz", ""): "frequency_ghz",
    Heading("frequencymhz", ""): "frequency_mhz",
}
NEEDED = ("station_id", "operator", "type", "longitude", "latitude", "height_m")
_TYPES = {
    "macro": "macro 宏站 宏基站 5g宏基站 宏蜂窝",
    "pole": "pole micro 微站 微基站 5g微基站 杆站 综合杆 小微站 灯杆站",
    "indoor": "indoor das 室分 室内 室内分布 室分站",
}
TYPE_OF = {text: name for name, texts in _TYPES.items() for text in texts.split()}
_OPERATORS = {
    "mobile": "mobile cmcc 移动 中国移动 上海移动",
    "telecom": "telecom ct 电信 中国电信 上海电信",
    "unicom": "unicom cu 联通 中国联通 上海联通",
    "broadnet": "broadnet cbn 广电 中国广电",
}
OPERATOR_OF = {text: name for name, texts in _OPERATORS.items() for text in texts.split()}
# lowest, highest, rule
LIMITS = {
    "longitude": (-180.0, 180.0, "-180 to 180 degrees"),
    "latitude": (-90.0, 90.0, "-90 to 90 degrees"),
    "height_m": (0.5, 700.0, "0.5 to 700 m above ground"),
    "azimuth_deg": (0.0, 360.0, "0 to 360 degrees"),
    "tilt_deg": (-20.0, 45.0, "-20 to 45 degrees"),
    "mechanical_tilt_deg": (-20.0, 45.0, "-20 to 45 degrees"),
    "electrical_tilt_deg": (-20.0, 45.0, "-20 to 45 degrees"),
    "eirp_dbm": (-40.0, 70.0, "-40 to 70 dBm per resource element"),
    "power_w": (1e-4, 2000.0, "0.0001 to 2000 W"),
    "power_dbm": (-10.0, 63.0, "-10 to 63 dBm"),
    "gain_dbi": (-10.0, 40.0, "-10 to 40 dBi"),
    "pci": (0.0, 1007.0, "a whole number from 0 to 1007"),
}
